import type { Agent } from '../../domain/agents/agent.ts'
import { everyItem } from '../../domain/page.ts'
import type { Stores } from '../../domain/stores.ts'
import type { Token } from '../../domain/tokens/token.ts'
import { bearerState } from '../../domain/tokens/token-chain.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Catalog } from '../tools/catalog.ts'
import { type SimulatedRights, simulatedRights } from './simulated-callers.ts'
import type { Simulation } from './simulation.ts'

/** What an answer to "who could do what" is put together from. */
export interface AccessDeps {
  readonly stores: Pick<Stores, 'agents' | 'certificates' | 'groups' | 'hosts' | 'people' | 'secrets' | 'tokens'>
  readonly simulation: Simulation
  readonly catalog: Catalog
  readonly clock: Clock
}

/** The rights with which an agent could call now. */
export async function rightsOf({ stores, clock }: AccessDeps, agent: Agent): Promise<readonly SimulatedRights[]> {
  const owner = await stores.people.find(agent.ownerId)
  if (owner === undefined) throw new Error(`agent ${agent.id} has no owner`)
  const tokens: Token[] = []
  for await (const token of everyItem((page) => stores.tokens.list({ agent: agent.id }, page)))
    if (bearerState(token, clock.now()) === 'standing') tokens.push(token)
  return simulatedRights(agent, owner, tokens)
}

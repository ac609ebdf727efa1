import type { Agent } from '../../domain/agents/agent.ts'
import { type Page, type Paged, pageLimitMax } from '../../domain/page.ts'
import type { Stores } from '../../domain/stores.ts'
import type { Token } from '../../domain/tokens/token.ts'
import { bearerState } from '../../domain/tokens/token-chain.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, FaultError } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import type { Catalog } from '../tools/catalog.ts'
import { type SimulatedRights, simulatedRights } from './simulated-callers.ts'
import type { Simulation } from './simulation.ts'

/** What an answer to "who could do what" is put together from. */
export interface AccessDeps {
  readonly stores: Pick<Stores, 'agents' | 'groups' | 'hosts' | 'people' | 'secrets' | 'tokens'>
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

/** All items of a list, oldest first, a page at a time. @param after where to begin: a cursor that the list gave */
export async function* everyItem<T>(
  list: (page: Page) => Promise<Result<Paged<T>, Fault>>,
  after?: string,
): AsyncGenerator<T> {
  let cursor: string | null | undefined = after
  while (cursor !== null) {
    const page = await list({ limit: pageLimitMax, order: 'asc', ...(cursor === undefined ? {} : { cursor }) })
    if (!page.ok) throw new FaultError(page.error)
    yield* page.value.items
    cursor = page.value.nextCursor
  }
}

import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { AgentStatus, RiskLevel, Scope } from '../../kernel/vocabulary.ts'
import type { Author } from '../audit/author.ts'
import type { AgentFacts, AuditEvent } from '../audit/event.ts'
import type { UpdateAgent } from './agent.schema.ts'

/** A registered AI agent: a named identity that owns no secret, only a scoped right to ask. */
export interface Agent {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly ownerId: string
  /** The owner's e-mail. */
  readonly owner: string
  readonly riskLevel: RiskLevel
  readonly scopes: readonly Scope[]
  /** Names of groups, sorted. */
  readonly groups: readonly string[]
  readonly status: AgentStatus
  readonly createdAt: Date
  readonly createdBy: string
}

/** Stops an agent until it is resumed. */
export function suspend(agent: Agent): Result<Agent, Fault> {
  return agent.status === 'revoked' ? err(fault('AGENT_REVOKED')) : ok({ ...agent, status: 'suspended' })
}

/** Lets a suspended agent go on with the rights it had. */
export function resume(agent: Agent): Result<Agent, Fault> {
  return agent.status === 'revoked' ? err(fault('AGENT_REVOKED')) : ok({ ...agent, status: 'active' })
}

/** Ends an agent for good. There is no way back. */
export function revoke(agent: Agent): Agent {
  return { ...agent, status: 'revoked' }
}

/** The agent with what a PATCH says about it alone; owner and groups are references that the use case looks up. */
export function withChanges(agent: Agent, changes: Pick<UpdateAgent, 'description' | 'riskLevel' | 'scopes'>): Agent {
  return {
    ...agent,
    description: changes.description ?? agent.description,
    riskLevel: changes.riskLevel ?? agent.riskLevel,
    scopes: changes.scopes ?? agent.scopes,
  }
}

/**
 * Refuses rights to the owner's private secrets to anyone but the owner and admins, who have every group: whoever makes
 * such an agent or holds its token reads them.
 * @param scopes what the agent or its token would newly have
 * @returns SCOPE_NOT_PERMITTED, or undefined
 */
export function beyondOwn(
  scopes: readonly Scope[],
  { ownerId, owner }: Pick<Agent, 'ownerId' | 'owner'>,
  by: Pick<Author, 'actor' | 'groups'>,
): Fault | undefined {
  if (!scopes.includes('private_secret:read') || by.groups === 'every' || by.actor.id === ownerId) return undefined
  return fault('SCOPE_NOT_PERMITTED', { message: `Scope private_secret:read is for ${owner} alone to give` })
}

/** The agent as every event about it names it. */
export function agentFacts(agent: Agent): AgentFacts {
  return { id: agent.id, name: agent.name, owner: agent.owner, riskLevel: agent.riskLevel }
}

/** The agent as the resource of an event about itself. */
export function agentResource(agent: Agent): NonNullable<AuditEvent['resource']> {
  return { type: 'agent', id: agent.id, name: agent.name, groups: agent.groups, environment: '', version: null }
}

/** The agent as people and events see it. */
export function agentView(agent: Agent) {
  return {
    id: agent.id,
    name: agent.name,
    description: agent.description,
    owner: agent.owner,
    riskLevel: agent.riskLevel,
    scopes: [...agent.scopes],
    groups: [...agent.groups],
    status: agent.status,
    createdAt: agent.createdAt.toISOString(),
    createdBy: agent.createdBy,
  }
}

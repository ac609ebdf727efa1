import type { Environment } from '../../kernel/vocabulary.ts'
import type { AuditEvent } from '../audit/event.ts'
import type { UpdateGroup } from './group.schema.ts'

/** Who and what belong together. Nothing is reachable across groups, whatever a prompt says. */
export interface Group {
  readonly id: string
  readonly name: string
  readonly environment: Environment
  readonly description: string
  /** Names that certificates of the group may have. */
  readonly domains: readonly string[]
  /** host:port or patterns that its agents may probe. */
  readonly probeTargets: readonly string[]
  readonly vaultPrefixes: readonly string[]
  readonly createdAt: Date
  readonly createdBy: string
}

/** The group with what a PATCH gives; what it leaves out stays. */
export function withChanges(group: Group, changes: UpdateGroup): Group {
  return {
    ...group,
    environment: changes.environment ?? group.environment,
    description: changes.description ?? group.description,
    domains: changes.domains ?? group.domains,
    probeTargets: changes.probeTargets ?? group.probeTargets,
    vaultPrefixes: changes.vaultPrefixes ?? group.vaultPrefixes,
  }
}

/** The group as the resource of an event about itself. */
export function groupResource(group: Group): NonNullable<AuditEvent['resource']> {
  return {
    type: 'group',
    id: group.id,
    name: group.name,
    groups: [group.name],
    environment: group.environment,
    version: null,
  }
}

/** The group as people and events see it. */
export function groupView(group: Group) {
  return {
    id: group.id,
    name: group.name,
    environment: group.environment,
    description: group.description,
    domains: [...group.domains],
    probeTargets: [...group.probeTargets],
    vaultPrefixes: [...group.vaultPrefixes],
    createdAt: group.createdAt.toISOString(),
    createdBy: group.createdBy,
  }
}

import type { Host } from '../domain/hosts/host.ts'
import type { SecretRecord } from '../domain/secrets/secret.ts'
import type { AuditEvent } from '../domain/audit/event.ts'
import type { ResourceInput } from '../policy/input.ts'
import type { Directory } from './directory.ts'
import { type ProbeIdentified, probeInput } from './identify-probe.ts'
import type { ProbeName, ResourceName } from './resource-name.ts'

/** The resource of a call, as the registry knows it. One that does not exist is a fact for the policy, not an error. */
export type Identified =
  | { readonly type: 'none' }
  | {
      readonly type: 'secret'
      readonly name: string
      readonly version: number
      readonly secret: SecretRecord | undefined
    }
  | { readonly type: 'host'; readonly name: string; readonly host: Host | undefined }
  | ProbeIdentified

export async function identify(
  directory: Directory,
  agentId: string,
  named: ResourceName | undefined,
  identifyProbe: (named: ProbeName) => Promise<ProbeIdentified>,
): Promise<Identified> {
  if (named === undefined) return { type: 'none' }
  if (named.type === 'probe' || named.type === 'probe_target') return identifyProbe(named)
  const secret = await directory.secret(agentId, named.name)
  return { type: 'secret', name: named.name, secret, version: named.version ?? secret?.currentVersion ?? 0 }
}

/** The resource as the policy sees it. */
export function resourceInput(resource: Identified): ResourceInput | undefined {
  if (resource.type === 'none') return undefined
  if (resource.type === 'probe' || resource.type === 'probe_target') return probeInput(resource)
  if (resource.type === 'host') {
    const { host, name } = resource
    if (host === undefined) return { type: 'host', name, exists: false }
    return {
      type: 'host',
      id: host.id,
      name: host.name,
      groups: host.groups,
      environment: host.environment,
      exists: true,
    }
  }
  const { secret, name, version } = resource
  if (secret === undefined) return { type: 'secret', name, exists: false }
  return {
    type: 'secret',
    id: secret.id,
    name: secret.name,
    groups: secret.groups,
    environment: secret.environment,
    kind: secret.kind,
    version,
    disclosure: secret.disclosure,
    owner: secret.owner ?? '',
    exists: true,
  }
}

/** The resource as events name it. */
export function resourceFacts(resource: Identified): AuditEvent['resource'] {
  const input = resourceInput(resource)
  if (input === undefined) return null
  return {
    environment: input.environment ?? '',
    groups: input.groups ?? [],
    id: input.id ?? null,
    name: input.name,
    type: input.type,
    version: input.exists && resource.type === 'secret' ? resource.version : null,
  }
}

import type { Certificate } from '../domain/certificates/certificate.ts'
import type { Host } from '../domain/hosts/host.ts'
import type { SecretRecord } from '../domain/secrets/secret.ts'
import type { SshSession } from '../domain/ssh/ssh-session.ts'
import type { AuditEvent } from '../domain/audit/event.ts'
import type { ResourceInput } from '../policy/input.ts'
import type { Environment } from '../kernel/vocabulary.ts'
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
  | {
      readonly type: 'host'
      readonly name: string
      readonly host: Host | undefined
      /** The SSH session that was named instead of the host. */
      readonly sshSession?: SshSession
    }
  | { readonly type: 'ssh_session'; readonly name: string }
  | ProbeIdentified
  | {
      readonly type: 'certificate'
      /** Empty for one that is still to be created. */
      readonly name: string
      readonly certificate: Certificate | undefined
      readonly planned: PlannedCertificate | undefined
    }

/** A certificate that does not exist yet, with what follows from the group that it is to be in. */
export interface PlannedCertificate {
  readonly domains: readonly string[]
  readonly group: string
  readonly environment: Environment | ''
  readonly permittedDomains: readonly string[]
}

export async function identify(
  directory: Directory,
  agentId: string,
  named: ResourceName | undefined,
  identifyProbe: (named: ProbeName) => Promise<ProbeIdentified>,
): Promise<Identified> {
  if (named === undefined) return { type: 'none' }
  if (named.type === 'host') return { type: 'host', name: named.name, host: await directory.host(named.name) }
  if (named.type === 'ssh_session') {
    const sshSession = await directory.sshSession(agentId, named.name)
    if (sshSession === undefined) return { type: 'ssh_session', name: named.name }
    const { name } = sshSession.host
    return { type: 'host', name, host: await directory.host(name), sshSession }
  }
  if (named.type === 'certificate') return identifyCertificate(directory, named)
  if (named.type === 'probe' || named.type === 'probe_target') return identifyProbe(named)
  const secret = await directory.secret(agentId, named.name)
  return { type: 'secret', name: named.name, secret, version: named.version ?? secret?.currentVersion ?? 0 }
}

async function identifyCertificate(
  directory: Directory,
  { name, planned }: Extract<ResourceName, { type: 'certificate' }>,
): Promise<Identified> {
  if (planned === undefined)
    return { type: 'certificate', name, certificate: await directory.certificate(name), planned: undefined }
  const domains = [...new Set(planned.domains)].sort()
  const certificate = await directory.certificateOf(domains, planned.group)
  if (certificate !== undefined) return { type: 'certificate', name: certificate.name, certificate, planned: undefined }
  const group = await directory.group(planned.group)
  const facts = { environment: group?.environment ?? '', permittedDomains: group?.domains ?? [] } as const
  return { type: 'certificate', name, certificate, planned: { domains, group: planned.group, ...facts } }
}

/** The resource as the policy sees it. */
export function resourceInput(resource: Identified): ResourceInput | undefined {
  if (resource.type === 'none') return undefined
  if (resource.type === 'probe' || resource.type === 'probe_target') return probeInput(resource)
  if (resource.type === 'host') {
    const { host, name } = resource
    return host === undefined ? { type: 'host', name, exists: false } : hostInput(host)
  }
  if (resource.type === 'ssh_session') return { type: 'ssh_session', name: resource.name, exists: false }
  if (resource.type === 'certificate') return certificateInput(resource)
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

/** A host as the policy sees it: what it offers is in its labels. */
export function hostInput(host: Host): ResourceInput {
  const { id, name, groups, environment, principals, modes } = host
  const labels = { 'ssh.principals': principals.join(' '), 'ssh.modes': modes.join(' ') }
  return { type: 'host', id, name, groups, environment, labels, exists: true }
}

function certificateInput({ name, certificate, planned }: Extract<Identified, { type: 'certificate' }>): ResourceInput {
  if (certificate === undefined) {
    const facts = planned && {
      groups: [planned.group],
      environment: planned.environment,
      domains: planned.permittedDomains,
    }
    return { type: 'certificate', name, exists: false, ...facts }
  }
  return {
    type: 'certificate',
    id: certificate.id,
    name: certificate.name,
    groups: certificate.groups,
    environment: certificate.environment,
    version: certificate.currentVersion ?? 0,
    domains: certificate.permittedDomains,
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
    version: input.exists && resource.type !== 'host' ? (input.version ?? null) : null,
  }
}

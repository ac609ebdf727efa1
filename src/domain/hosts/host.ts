import type { Environment } from '../../kernel/vocabulary.ts'
import type { AuditEvent } from '../audit/event.ts'
import type { HostMode, UpdateHost } from './host.schema.ts'

/** With what the bastion logs in. The secret is bound by its id: a later secret of the same name is another one. */
export type HostCredential =
  | { readonly kind: 'certificate' }
  | { readonly kind: 'secret'; readonly secretId: string; readonly secret: string }

/** A machine that is reached over SSH, through the bastion only. */
export interface Host {
  readonly id: string
  readonly name: string
  /** DNS name or IP address. */
  readonly address: string
  readonly port: number
  /** Names of groups, sorted. */
  readonly groups: readonly string[]
  /** The strictest of its groups. */
  readonly environment: Environment
  readonly principals: readonly string[]
  readonly modes: readonly HostMode[]
  /** OpenSSH public key lines without comment. */
  readonly hostKeys: readonly string[]
  readonly credential: HostCredential
  readonly createdAt: Date
  readonly createdBy: string
}

/** A host as it is registered; its environment follows from its groups. */
export type HostDraft = Omit<Host, 'environment'>

/** The host with what a PATCH says about it alone; groups, keys and credential are looked up by the use case. */
export function withChanges<T extends HostDraft>(
  host: T,
  changes: Pick<UpdateHost, 'address' | 'port' | 'principals' | 'modes'>,
): T {
  return {
    ...host,
    address: changes.address ?? host.address,
    port: changes.port ?? host.port,
    principals: changes.principals ?? host.principals,
    modes: changes.modes ?? host.modes,
  }
}

/** The host as the resource of an event. */
export function hostResource(host: Host): NonNullable<AuditEvent['resource']> {
  return {
    type: 'host',
    id: host.id,
    name: host.name,
    groups: host.groups,
    environment: host.environment,
    version: null,
  }
}

/** The host as people and events see it. */
export function hostView(host: Host) {
  const { credential } = host
  return {
    id: host.id,
    name: host.name,
    address: host.address,
    port: host.port,
    groups: [...host.groups],
    environment: host.environment,
    principals: [...host.principals],
    modes: [...host.modes],
    hostKeys: [...host.hostKeys],
    credential:
      credential.kind === 'secret' ? { kind: credential.kind, secret: credential.secret } : { kind: credential.kind },
    createdAt: host.createdAt.toISOString(),
    createdBy: host.createdBy,
  }
}

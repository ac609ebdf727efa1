import type { Certificate } from '../../domain/certificates/certificate.ts'
import type { Host } from '../../domain/hosts/host.ts'
import type { SecretRecord } from '../../domain/secrets/secret.ts'
import type { ResourceInput } from '../../policy/input.ts'
import { type Identified, resourceInput } from '../identify.ts'

export type RegisteredType = 'certificate' | 'host' | 'secret'

/** A resource that exists, as agents' calls and as people's operations name it. */
export interface Registered {
  readonly type: RegisteredType
  readonly id: string
  readonly createdAt: Date
  readonly groups: readonly string[]
  readonly environment: string
  /** Id of the person whose private secret it is; null for what is shared. */
  readonly ownerId: string | null
  /** What an agent's call is about. */
  readonly identified: Identified
  /** The resource as the policy sees it when a person asks: its owner by id. */
  readonly input: ResourceInput
}

export function registeredSecret(secret: SecretRecord): Registered {
  const { id, name, createdAt, groups, environment, ownerId, currentVersion: version } = secret
  const identified = { type: 'secret', name, version, secret } as const
  const input = { ...resourceInput(identified), type: 'secret', name, exists: true, owner: ownerId ?? '' }
  return { type: 'secret', id, createdAt, groups, environment, ownerId, identified, input }
}

export function registeredHost(host: Host): Registered {
  const { id, name, createdAt, groups, environment } = host
  const identified = { type: 'host', name, host } as const
  const input = { ...resourceInput(identified), type: 'host', name, exists: true }
  return { type: 'host', id, createdAt, groups, environment, ownerId: null, identified, input }
}

export function registeredCertificate(certificate: Certificate): Registered {
  const { id, name, createdAt, groups, environment } = certificate
  const identified = { type: 'certificate', name, certificate, planned: undefined } as const
  const input = { ...resourceInput(identified), type: 'certificate', name, exists: true }
  return { type: 'certificate', id, createdAt, groups, environment, ownerId: null, identified, input }
}

/** The resource as answers show it; never a value. */
export function registeredView({ type, id, input, groups, environment }: Registered) {
  return { type, id, name: input.name, groups: [...groups], environment }
}

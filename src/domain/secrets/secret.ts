import { type Fault, fault } from '../../kernel/fault.ts'
import type { Environment } from '../../kernel/vocabulary.ts'
import type { AuditEvent } from '../audit/event.ts'
import type { disclosures, SourceReference, secretKinds, UpdateSecret } from './secret.schema.ts'
import type { StoreVersion } from './secret-source.ts'

export type SecretKind = (typeof secretKinds)[number]
export type Disclosure = (typeof disclosures)[number]

/** Everything the registry knows about a secret: never a value. */
export interface SecretRecord {
  readonly id: string
  readonly name: string
  readonly kind: SecretKind
  readonly ownerId: string | null
  /** The owner's e-mail; null for shared ones. */
  readonly owner: string | null
  /** What it is, in a word of its users: `opaque`, `password`, `api_key`. */
  readonly type: string
  readonly description: string
  readonly disclosure: Disclosure
  /** Names of groups, sorted. */
  readonly groups: readonly string[]
  /** The strictest of its groups; '' when it has none. */
  readonly environment: Environment | ''
  /** Versions are counted from 0 and never reused. */
  readonly currentVersion: number
  readonly createdAt: Date
  readonly createdBy: string
}

/** A secret before the registry has put together what follows from its groups and its owner. */
export type SecretDraft = Omit<SecretRecord, 'environment' | 'owner'>

/** One version, and where its value is kept. */
export interface SecretVersion {
  readonly version: number
  readonly storePath: string
  readonly storeVersion: StoreVersion
  /** The older version whose content it repeats. */
  readonly restoredFrom: number | null
  /** The entry of Vault that it was taken over from, whose owners are others; null when the gateway stored the value. */
  readonly source: SourceReference | null
  readonly createdAt: Date
  readonly createdBy: string
}

/** Under which path a secret's values are kept. It follows from the id, so that a name can be given anew. */
export function storePath(secretId: string): string {
  return `secrets/${secretId}`
}

/**
 * The secret with what a PATCH gives; what it leaves out stays.
 * @param groups the names behind `changes.groups`
 */
export function withChanges(secret: SecretRecord, changes: UpdateSecret, groups: readonly string[]): SecretRecord {
  return {
    ...secret,
    groups,
    description: changes.description ?? secret.description,
    type: changes.type ?? secret.type,
    disclosure: changes.disclosure ?? secret.disclosure,
  }
}

/** The secret, or one of its versions, as the resource of an event. */
export function secretResource(
  secret: SecretRecord,
  version = secret.currentVersion,
): NonNullable<AuditEvent['resource']> {
  const { id, name, groups, environment } = secret
  return { type: 'secret', id, name, groups, environment, version }
}

/**
 * Whether two states of a secret are one to whoever decides about it. A newer version is no difference: a decision is
 * about the version that was current then.
 */
export function isSameToPolicy(one: SecretRecord, other: SecretRecord): boolean {
  return factsOf(one) === factsOf(other)
}

function factsOf({ id, name, kind, ownerId, owner, disclosure, groups, environment }: SecretRecord): string {
  return JSON.stringify([id, name, kind, ownerId, owner, disclosure, groups, environment])
}

/** The secret as people and events see it. */
export function secretView(secret: SecretRecord) {
  return {
    id: secret.id,
    name: secret.name,
    kind: secret.kind,
    owner: secret.owner,
    type: secret.type,
    description: secret.description,
    disclosure: secret.disclosure,
    groups: [...secret.groups],
    environment: secret.environment,
    version: secret.currentVersion,
    createdAt: secret.createdAt.toISOString(),
    createdBy: secret.createdBy,
  }
}

/** A version as people see it. */
export function secretVersionView({ version, restoredFrom, source, createdAt, createdBy }: SecretVersion) {
  return { version, restoredFrom, source, createdAt: createdAt.toISOString(), createdBy }
}

export function noSecret(idOrName: string): Fault {
  return fault('NOT_FOUND', { message: `No secret ${idOrName}` })
}

/** Such a secret could be reached by nobody. */
export function sharedWithoutGroups(): Fault {
  return fault('ARGUMENT_INVALID', { message: 'A shared secret needs at least one group' })
}

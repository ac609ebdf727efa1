import type { AuditEvent } from '../audit/event.ts'
import type { Person } from './person.ts'

export const apiKeyStatuses = ['active', 'expired', 'revoked'] as const
export type ApiKeyStatus = (typeof apiKeyStatuses)[number]

/** A bearer with which a person or their automation uses REST. Its value is shown once and kept only as a hash. */
export interface ApiKey {
  readonly id: string
  readonly personId: string
  /** The person's e-mail. */
  readonly person: string
  readonly name: string
  /** How the value begins, to tell keys apart. */
  readonly prefix: string
  readonly expiresAt: Date
  readonly revokedAt: Date | null
  readonly createdAt: Date
  /** Id of who minted it. */
  readonly createdBy: string
  /**
   * Ids of all who minted it or the key that it was minted with, and so on: an approval never counts with a key that the
   * agent's owner or launcher had a hand in.
   */
  readonly minters: readonly string[]
}

/** A key with its person, as authentication needs them. Whoever uses it checks `apiKeyStatus` and `person.disabledAt`. */
export interface ApiKeyPrincipal {
  readonly apiKey: ApiKey
  readonly person: Person
}

/** @param now milliseconds since the Unix epoch */
export function apiKeyStatus(apiKey: ApiKey, now: number): ApiKeyStatus {
  if (apiKey.revokedAt !== null) return 'revoked'
  return apiKey.expiresAt.getTime() <= now ? 'expired' : 'active'
}

/** The key as the resource of an event about itself. */
export function apiKeyResource(apiKey: ApiKey, person: Pick<Person, 'groups'>): NonNullable<AuditEvent['resource']> {
  return { type: 'api_key', id: apiKey.id, name: apiKey.name, groups: person.groups, environment: '', version: null }
}

/** The key as people and events see it. */
export function apiKeyView(apiKey: ApiKey, now: number) {
  return {
    id: apiKey.id,
    person: apiKey.person,
    name: apiKey.name,
    prefix: apiKey.prefix,
    status: apiKeyStatus(apiKey, now),
    expiresAt: apiKey.expiresAt.toISOString(),
    createdAt: apiKey.createdAt.toISOString(),
    createdBy: apiKey.createdBy,
  }
}

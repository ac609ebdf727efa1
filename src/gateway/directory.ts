import type { AuthorityCache } from '../domain/revocation/authority-cache.ts'
import type { SecretRecord } from '../domain/secrets/secret.ts'

/**
 * Finds resources by the names agents use; ids are not names here. Answers are remembered, but for each agent by itself
 * and only while it is allowed to ask: how long an answer takes tells nobody what others ask for, nor, where denials are
 * opaque, whether a name that it may not have exists.
 */
export interface Directory {
  secret(agentId: string, name: string): Promise<SecretRecord | undefined>
  /** To be told of every denial. */
  denied(agentId: string, name: string): void
}

export function createDirectory(
  cache: AuthorityCache<SecretRecord | undefined>,
  findSecret: (name: string) => Promise<SecretRecord | undefined>,
): Directory {
  const keyOf = (agentId: string, name: string): string => `${agentId} ${name}`
  return {
    secret: (agentId, name) => cache.get(keyOf(agentId, name), () => findSecret(name)),
    denied: (agentId, name) => cache.forget(keyOf(agentId, name)),
  }
}

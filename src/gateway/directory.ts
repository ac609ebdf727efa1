import type { AuthorityCache } from '../domain/revocation/authority-cache.ts'
import type { Host } from '../domain/hosts/host.ts'
import type { Certificate } from '../domain/certificates/certificate.ts'
import type { CertificateStore } from '../domain/certificates/certificate-store.ts'
import type { Group } from '../domain/groups/group.ts'
import type { GroupStore } from '../domain/groups/group-store.ts'
import type { SecretRecord } from '../domain/secrets/secret.ts'
import type { SshSession } from '../domain/ssh/ssh-session.ts'

/**
 * Finds resources by the names agents use; ids are not names here. Answers are remembered, but for each agent by itself
 * and only while it is allowed to ask: how long an answer takes tells nobody what others ask for, nor, where denials are
 * opaque, whether a name that it may not have exists.
 */
export interface Directory {
  secret(agentId: string, name: string): Promise<SecretRecord | undefined>
  /** By its name alone. */
  host(name: string): Promise<Host | undefined>
  /** One that this agent holds; those of others do not exist for it. */
  sshSession(agentId: string, id: string): Promise<SshSession | undefined>
  /** Asked anew each time: a missing name takes as long as one that the agent may not have. */
  certificate(name: string): Promise<Certificate | undefined>
  /** The certificate of exactly these domains in this one group. */
  certificateOf(domains: readonly string[], group: string): Promise<Certificate | undefined>
  group(name: string): Promise<Group | undefined>
  /** To be told of every denial. */
  denied(agentId: string, name: string): void
}

export function createDirectory(
  cache: AuthorityCache<SecretRecord | undefined>,
  find: {
    readonly secret: (name: string) => Promise<SecretRecord | undefined>
    readonly host: (idOrName: string) => Promise<Host | undefined>
    readonly sshSession: (id: string) => Promise<SshSession | undefined>
    readonly certificates: Pick<CertificateStore, 'findByName' | 'findByDomains'>
    readonly groups: Pick<GroupStore, 'find'>
  },
): Directory {
  const keyOf = (agentId: string, name: string): string => `${agentId} ${name}`
  return {
    secret: (agentId, name) => cache.get(keyOf(agentId, name), () => find.secret(name)),
    host: async (name) => {
      const host = await find.host(name)
      return host?.name === name ? host : undefined
    },
    sshSession: async (agentId, id) => {
      const session = await find.sshSession(id)
      return session?.agent?.id === agentId ? session : undefined
    },
    certificate: (name) => find.certificates.findByName(name),
    certificateOf: (domains, group) => find.certificates.findByDomains(domains, group),
    group: (name) => find.groups.find(name),
    denied: (agentId, name) => cache.forget(keyOf(agentId, name)),
  }
}

import type { Knex } from 'knex'
import { AgentStore } from './agents/agent-store.ts'
import { ApprovalStore } from './approvals/approval-store.ts'
import { BundleStore } from './bundles/bundle-store.ts'
import { CertificateStore } from './certificates/certificate-store.ts'
import { OrderStore } from './certificates/order-store.ts'
import { GroupStore } from './groups/group-store.ts'
import { HostStore } from './hosts/host-store.ts'
import { IdempotencyStore } from './idempotency/idempotency-store.ts'
import { ApiKeyStore } from './people/api-key-store.ts'
import { KillStore } from './kills/kill-store.ts'
import { PersonStore } from './people/person-store.ts'
import { ProbeStore } from './probes/probe-store.ts'
import { ReplicaStore } from './revocation/replica-store.ts'
import { SecretStore } from './secrets/secret-store.ts'
import { SessionStore } from './sessions/session-store.ts'
import { BastionStore } from './ssh/bastion-store.ts'
import { SshSessionStore } from './ssh/ssh-session-store.ts'
import { SshTicketStore } from './ssh/ssh-ticket-store.ts'
import { TokenStore } from './tokens/token-store.ts'

/** Every noun's SQL, bound to the same connection pool or transaction. */
export interface Stores {
  readonly people: PersonStore
  readonly apiKeys: ApiKeyStore
  readonly groups: GroupStore
  readonly agents: AgentStore
  readonly tokens: TokenStore
  readonly hosts: HostStore
  readonly certificates: CertificateStore
  readonly orders: OrderStore
  readonly probes: ProbeStore
  readonly secrets: SecretStore
  readonly sessions: SessionStore
  readonly sshSessions: SshSessionStore
  readonly sshTickets: SshTicketStore
  readonly bastions: BastionStore
  readonly approvals: ApprovalStore
  readonly kills: KillStore
  readonly replicas: ReplicaStore
  readonly bundles: BundleStore
  readonly idempotency: IdempotencyStore
}

export function bindStores(db: Knex): Stores {
  return {
    people: new PersonStore(db),
    apiKeys: new ApiKeyStore(db),
    groups: new GroupStore(db),
    agents: new AgentStore(db),
    tokens: new TokenStore(db),
    hosts: new HostStore(db),
    certificates: new CertificateStore(db),
    orders: new OrderStore(db),
    probes: new ProbeStore(db),
    secrets: new SecretStore(db),
    sessions: new SessionStore(db),
    sshSessions: new SshSessionStore(db),
    sshTickets: new SshTicketStore(db),
    bastions: new BastionStore(db),
    approvals: new ApprovalStore(db),
    kills: new KillStore(db),
    replicas: new ReplicaStore(db),
    bundles: new BundleStore(db),
    idempotency: new IdempotencyStore(db),
  }
}

import { randomUUID } from 'node:crypto'
import { openAcme } from '../adapters/acme/open-acme.ts'
import type { Config } from '../config/config.schema.ts'
import { AccountKeys } from '../domain/certificates/account-keys.ts'
import type { CertificateAuthorities, CertificateAuthority } from '../domain/certificates/certificate-authority.ts'
import { CertificateOrders } from '../domain/certificates/certificate-orders.ts'
import { ChallengeStore } from '../domain/certificates/challenge-store.ts'
import type { AuditLog } from '../domain/audit/audit-log.ts'
import { sharedSecret } from '../domain/secrets/shared-secret.ts'
import type { SecretSource } from '../domain/secrets/secret-source.ts'
import type { InTransaction } from '../domain/work.ts'
import type { Stores } from '../domain/stores.ts'
import { createAct } from '../gateway/act.ts'
import { checkRenewals, renewCertificates } from '../gateway/renew-certificates.ts'
import type { Log } from '../kernel/log.ts'
import type { Undo } from '../kernel/started.ts'
import type { PolicyEngine } from '../policy/policy-engine.ts'
import type { Store } from './open-store.ts'

interface Parts extends Pick<Store, 'knex' | 'authority'> {
  readonly stores: Stores
  readonly inTransaction: InTransaction
  readonly source: SecretSource
  readonly policy: PolicyEngine
  readonly auditLog: AuditLog
  readonly pkiAuthority: CertificateAuthority | undefined
}

/** Who issues certificates, in the order of the configuration and Vault last, and the orders with them. */
export async function openCertificates(
  config: Config,
  { knex, authority: clock, stores, inTransaction, source, pkiAuthority, policy, auditLog }: Parts,
  log: Log,
  undo: Undo,
) {
  const challenges = new ChallengeStore(knex)
  const keys = new AccountKeys({ knex, source, clock })
  const readSetting = (name: string) => sharedSecret({ secrets: stores.secrets, source }, name)
  const acme = await openAcme(config.acme, { keys, challenges, readSetting, clock, log })
  undo.push(() => acme.close())
  const all = [...acme.authorities, ...(pkiAuthority === undefined ? [] : [pkiAuthority])]
  const authorities: CertificateAuthorities = new Map(all.map((each) => [each.name, each]))
  const running = new CertificateOrders({
    inTransaction,
    orders: stores.orders,
    source,
    authorities,
    clock,
    holder: randomUUID(),
    random: Math.random,
    log,
  })
  undo.push(() => running.stop())
  const { certificates, orders, groups } = stores
  const ordering = { inTransaction, source, certificates, orders, authorities, clock, running }
  const { timeZone } = config.policy
  const act = createAct({ policy, auditLog, clock, timeZone, groupNames: () => groups.names() })
  const renewing = { act, ordering, random: Math.random, log }
  const jobs = {
    checkRenewals: () => checkRenewals(renewing),
    renew: () => renewCertificates(renewing),
    resume: () => running.resume(),
  }
  return { ordering, jobs }
}

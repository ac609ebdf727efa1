import { randomUUID } from 'node:crypto'
import { openAcme } from '../adapters/acme/open-acme.ts'
import type { Config } from '../config/config.schema.ts'
import { AccountKeys } from '../domain/certificates/account-keys.ts'
import type { CertificateAuthorities, CertificateAuthority } from '../domain/certificates/certificate-authority.ts'
import { CertificateOrders } from '../domain/certificates/certificate-orders.ts'
import { ChallengeStore } from '../domain/certificates/challenge-store.ts'
import type { SecretSource } from '../domain/secrets/secret-source.ts'
import type { InTransaction } from '../domain/work.ts'
import type { Stores } from '../domain/stores.ts'
import type { Log } from '../kernel/log.ts'
import type { Undo } from '../kernel/started.ts'
import type { Store } from './open-store.ts'

interface Parts {
  readonly stores: Stores
  readonly inTransaction: InTransaction
  readonly source: SecretSource
  readonly pkiAuthority: CertificateAuthority | undefined
}

/** Who issues certificates, in the order of the configuration and Vault last, and the orders with them. */
export async function openCertificates(
  config: Config,
  { knex, authority: clock }: Store,
  { stores, inTransaction, source, pkiAuthority }: Parts,
  log: Log,
  undo: Undo,
) {
  const challenges = new ChallengeStore(knex)
  const acme = await openAcme(config.acme, { keys: new AccountKeys({ knex, source, clock }), challenges, clock, log })
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
  return {
    inTransaction,
    source,
    certificates: stores.certificates,
    orders: stores.orders,
    authorities,
    clock,
    running,
  }
}

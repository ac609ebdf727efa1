import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { changeEntry, systemAuthor } from '../audit/author.ts'
import type { SecretSource } from '../secrets/secret-source.ts'
import type { InTransaction, Work } from '../work.ts'
import { type Certificate, certificateResource } from './certificate.ts'
import { isKeyOf, readCertificateRequest } from './certificate-request.ts'
import type {
  Advance,
  CertificateAuthorities,
  CertificateAuthority,
  RenewalWindow,
  Setback,
} from './certificate-authority.ts'
import { delayed, type Order, type StepResult, stepped } from './order.ts'
import type { OrderStore } from './order-store.ts'
import { type Chain, readChain } from './read-chain.ts'
import { renewalTime } from './renewal-time.ts'

/** Longer than any step may take: who holds an order for so long without word of it is gone. */
const LEASE_MS = 30_000
/** Waits up to this are waited out; for longer ones the order is put down. */
const WAIT_MS_MAX = 3_000

export interface DriveOrderDeps {
  readonly inTransaction: InTransaction
  /** Bound to the pool. */
  readonly orders: OrderStore
  readonly source: Pick<SecretSource, 'read'>
  readonly authorities: CertificateAuthorities
  readonly clock: Clock
  /** Names this replica among those on one database. */
  readonly holder: string
  /** In [0, 1). */
  readonly random: () => number
}

/**
 * Brings an order forward step by step, each put on record before the next begins, until it ends, has to wait longer, or is
 * another replica's. May be called at any time by any replica: one at a time holds the order.
 * @param signal aborted when the gateway stops: the step under way is the last
 */
export async function driveOrder(deps: DriveOrderDeps, id: string, signal: AbortSignal): Promise<void> {
  const { clock, holder, orders } = deps
  while (!signal.aborted) {
    const now = clock.now()
    const order = await orders.lease(id, { holder, now: new Date(now), until: new Date(now + LEASE_MS) })
    if (order === undefined) return
    const after = await step(deps, order)
    if (after === undefined || after.finishedAt !== null) return
    const waitMs = after.nextAttemptAt.getTime() - clock.now()
    if (waitMs > WAIT_MS_MAX) break
    // An abort ends the wait, and the loop with it.
    if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => undefined)
  }
  await orders.release(id, holder)
}

/** @returns the order as it is on record now; undefined when the hold on it was lost */
async function step(deps: DriveOrderDeps, order: Order): Promise<Order | undefined> {
  const now = new Date(deps.clock.now())
  const authority = deps.authorities.get(order.issuer)
  if (now > order.expiresAt) return ended(deps, authority, order, order.problem ?? 'the order was not through in time')
  if (authority === undefined) return ended(deps, authority, order, `no issuer ${order.issuer} is configured any more`)
  const request = readCertificateRequest(order.csr)
  if (request === undefined || request.domains.join() !== order.domains.join())
    return ended(deps, authority, order, 'the request names other domains than those that were decided')
  const { id, domains, csr, replaces, state, attempts } = order
  const advanced = await authority.advance({ id, domains, csr, replaces, state, isResumed: attempts > 0 })
  if (!advanced.ok) return setBack(deps, authority, order, advanced.error)
  if (advanced.value.status === 'valid') return issued(deps, authority, order, advanced.value)
  return saved(deps, stepped(order, advanced.value, new Date(deps.clock.now())))
}

async function setBack(
  deps: DriveOrderDeps,
  authority: CertificateAuthority,
  order: Order,
  { fault: refusal, retryAfterMs }: Setback,
): Promise<Order | undefined> {
  const { code, message } = refusal
  if (code === 'ISSUER_REFUSED' || code === 'CHALLENGE_IMPOSSIBLE') return ended(deps, authority, order, message)
  const later = delayed(order, message, retryAfterMs, new Date(deps.clock.now()))
  return later.nextAttemptAt > order.expiresAt ? ended(deps, authority, order, message) : saved(deps, later)
}

async function saved(deps: DriveOrderDeps, order: Order): Promise<Order | undefined> {
  return (await deps.orders.save(order, deps.holder)) ? order : undefined
}

/** The order's end without a certificate. */
async function ended(
  deps: DriveOrderDeps,
  authority: CertificateAuthority | undefined,
  order: Order,
  problem: string,
): Promise<Order | undefined> {
  const invalid = stepped(
    order,
    { status: 'invalid', state: order.state, note: problem, waitMs: 0 },
    new Date(deps.clock.now()),
  )
  const done = await deps.inTransaction(async (work) => {
    const certificate = await work.certificates.findForUpdate(order.certificateId)
    if (certificate === undefined || !(await work.orders.save(invalid, deps.holder)))
      return err(fault('STATE_CONFLICT'))
    // What renews itself tries again, later.
    if (certificate.renewAt !== null) await work.certificates.setRenewAt(certificate.id, laterThan(certificate, deps))
    work.record(orderEntry('CERTIFICATE_FAILED', order, certificate, { problem }))
    return ok(invalid)
  })
  await authority?.tidy(order.state)
  return done.ok ? done.value : undefined
}

/** The order's end with a certificate: what came is checked before anybody is told of it. */
async function issued(
  deps: DriveOrderDeps,
  authority: CertificateAuthority,
  order: Order,
  { chain: pem }: Extract<Advance, { status: 'valid' }>,
): Promise<Order | undefined> {
  const key = await deps.source.read(order.keyPath, order.keyVersion)
  if (!key.ok) return setBack(deps, authority, order, { fault: key.error, retryAfterMs: null })
  const chain = readChain(pem)
  const problem = chain.ok ? unlike(order, chain.value) : chain.error
  if (!chain.ok || problem !== undefined || !isKeyOf(key.value, chain.value.publicKey))
    return ended(
      deps,
      authority,
      order,
      `the authority answered with a certificate that was not ordered: ${problem ?? 'it has another key'}`,
    )
  const window = await authority.renewalWindow(chain.value.pem)
  const result = await deps.inTransaction((work) => kept(deps, work, order, chain.value, window))
  await authority.tidy(order.state)
  return result.ok ? result.value : undefined
}

async function kept(
  { clock, holder, random }: DriveOrderDeps,
  work: Work,
  order: Order,
  { facts, pem }: Chain,
  window: RenewalWindow | undefined,
): Promise<Result<Order, Fault>> {
  const now = new Date(clock.now())
  const before = await work.certificates.findForUpdate(order.certificateId)
  const valid: StepResult = { status: 'valid', state: order.state, note: 'the certificate is issued', waitMs: 0 }
  const after = stepped(order, valid, now)
  if (before === undefined || !(await work.orders.save(after, holder))) return err(fault('STATE_CONFLICT'))
  const { version, issuer, keyPath, keyVersion, requestedBy } = order
  const certificate = await work.certificates.insertVersion(
    before.id,
    { ...facts, version, chain: pem, keyPath, keyVersion, issuer, createdAt: now, createdBy: requestedBy.id },
    renewalTime(facts, window, random()),
  )
  const type = before.currentVersion === null ? 'CERTIFICATE_ISSUED' : 'CERTIFICATE_RENEWED'
  const dates = { fingerprint: facts.fingerprint, serial: facts.serial, notAfter: facts.notAfter.toISOString() }
  work.record(orderEntry(type, order, certificate, { ...dates, replaced: before.current?.fingerprint ?? null }))
  work.advanceAuthority()
  return ok(after)
}

function orderEntry(
  type: 'CERTIFICATE_ISSUED' | 'CERTIFICATE_RENEWED' | 'CERTIFICATE_FAILED',
  { id: orderId, decisionId, requestedBy, issuer, domains }: Order,
  certificate: Certificate,
  details: { readonly [name: string]: string | null },
) {
  const order = { orderId, decisionId, requestedBy: requestedBy.id, issuer, domains: [...domains] }
  const entry = changeEntry(systemAuthor('certificate-orders'), {
    type,
    resource: certificateResource(certificate),
    details: { ...order, ...details },
  })
  return type === 'CERTIFICATE_FAILED' ? { event: { ...entry.event, outcome: 'failed' as const } } : entry
}

function unlike({ domains }: Order, { facts }: Chain): string | undefined {
  const names = [...new Set(facts.sans)].sort()
  return names.join() === domains.join() ? undefined : 'its names are not those that were ordered'
}

/** A tenth of the rest of its life, an hour at least. */
function laterThan({ current }: Certificate, { clock }: DriveOrderDeps): Date {
  const leftMs = (current?.notAfter.getTime() ?? 0) - clock.now()
  return new Date(clock.now() + Math.max(3_600_000, leftMs / 10))
}

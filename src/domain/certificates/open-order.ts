import { X509Certificate } from 'node:crypto'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import { beyondReach } from '../groups/group-reach.ts'
import type { SecretSource } from '../secrets/secret-source.ts'
import type { InTransaction, Work } from '../work.ts'
import { type Certificate, certificateNameTaken, certificateResource, certificateView, keyPath } from './certificate.ts'
import { newCertificateRequest } from './certificate-request.ts'
import type { CertificateAuthorities } from './certificate-authority.ts'
import type { CertificateStore } from './certificate-store.ts'
import type { Order } from './order.ts'
import type { OrderStore } from './order-store.ts'
import { renewalId } from './subject-names.ts'

/** An order that is not through by then is given up. */
const ORDER_MS_MAX = 15 * 60_000

const DNS_NAME = /^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

export interface OpenOrderDeps {
  readonly inTransaction: InTransaction
  /** Bound to the pool. */
  readonly certificates: CertificateStore
  /** Bound to the pool. */
  readonly orders: OrderStore
  readonly source: SecretSource
  readonly authorities: CertificateAuthorities
  readonly clock: Clock
}

/** Who asked, and the decision that allowed it: no order without one. */
export interface Requester {
  readonly by: Author
  readonly decisionId: string
}

/** A certificate that does not exist yet. */
export interface NewCertificate {
  readonly name: string
  readonly groups: readonly string[]
  readonly domains: readonly string[]
  /** The first one when absent. */
  readonly issuer?: string
}

/**
 * Opens the order for a certificate's next version, or finds the one that is under way.
 * @returns the order; STATE_CONFLICT when it has a name that cannot be ordered or that another order has locked,
 * REFERENCE_UNKNOWN when its issuer is configured no more, or the fault of the secret store
 */
export async function orderRenewal(
  deps: OpenOrderDeps,
  requester: Requester,
  { id, domains, issuer }: Certificate,
): Promise<Result<Order, Fault>> {
  const running = await deps.orders.findRunning(id)
  if (running !== undefined) return ok(running)
  const prepared = await prepare(deps, id, domains, issuer ?? undefined)
  if (!prepared.ok) return prepared
  const current = await deps.certificates.find(id)
  const replaces = current === undefined ? null : await replacedBy(deps, current, prepared.value.issuer)
  return deps.inTransaction(async (work) => {
    const certificate = await work.certificates.findForUpdate(id)
    if (certificate === undefined) return err(fault('NOT_FOUND'))
    const other = await work.orders.findRunning(id)
    if (other !== undefined) return ok(other)
    if (certificate.domains.join() !== domains.join()) return err(fault('GATEWAY_RESOURCE_CHANGED'))
    return insertOrder(work, requester, certificate, { ...prepared.value, replaces })
  })
}

/**
 * Registers a certificate and opens the order for its version 0.
 * @returns both; NAME_TAKEN, REFERENCE_UNKNOWN for a group or an issuer, GROUP_NOT_PERMITTED, or what `orderRenewal` refuses
 */
export async function orderNew(
  deps: OpenOrderDeps,
  requester: Requester,
  wanted: NewCertificate,
): Promise<Result<{ readonly certificate: Certificate; readonly order: Order }, Fault>> {
  const { by } = requester
  if ((await deps.certificates.findByName(wanted.name)) !== undefined) return err(certificateNameTaken(wanted.name))
  const id = newId('crt')
  const prepared = await prepare(deps, id, wanted.domains, wanted.issuer)
  if (!prepared.ok) return prepared
  const { issuer, domains, now } = prepared.value
  return deps.inTransaction(async (work) => {
    const groups = await work.groups.resolve(wanted.groups)
    if (!groups.ok) return groups
    const beyond = beyondReach(groups.value, by.groups, by.actor.name)
    if (beyond !== undefined) return err(beyond)
    const draft = {
      id,
      name: wanted.name,
      groups: groups.value,
      domains,
      issuer,
      createdAt: now,
      createdBy: by.actor.id,
    }
    const certificate = await work.certificates.insert(draft)
    if (certificate === undefined) return err(certificateNameTaken(wanted.name))
    const order = await insertOrder(work, requester, certificate, { ...prepared.value, replaces: null })
    return order.ok ? ok({ certificate, order: order.value }) : order
  })
}

interface Prepared extends Pick<Order, 'issuer' | 'domains' | 'csr' | 'keyPath' | 'keyVersion'> {
  readonly now: Date
}

/** Everything that is slow or not the database's: a key, its request, and the key in its store. */
async function prepare(
  { source, authorities, clock }: OpenOrderDeps,
  certificateId: string,
  names: readonly string[],
  issuerName: string | undefined,
): Promise<Result<Prepared, Fault>> {
  const [first] = authorities.keys()
  const issuer = issuerName ?? first
  if (issuer === undefined || !authorities.has(issuer))
    return err(
      fault('REFERENCE_UNKNOWN', { message: issuer === undefined ? 'No issuer is configured' : `No issuer ${issuer}` }),
    )
  const domains = [...new Set(names)].sort()
  const odd = domains.find((name) => name.length > 253 || !DNS_NAME.test(name))
  if (domains.length === 0 || odd !== undefined)
    return err(fault('STATE_CONFLICT', { message: 'The certificate has names that are no DNS names; order a new one' }))
  const { privateKey, csr } = await newCertificateRequest(domains)
  const path = keyPath(certificateId)
  const stored = await source.write(path, privateKey)
  if (!stored.ok) return stored
  return ok({ issuer, domains, csr, keyPath: path, keyVersion: stored.value, now: new Date(clock.now()) })
}

/** Names the current version to an authority that issued it; no other knows it. */
async function replacedBy(
  { certificates }: OpenOrderDeps,
  current: Certificate,
  issuer: string,
): Promise<string | null> {
  if (current.currentVersion === null) return null
  const version = await certificates.findVersion(current.id, current.currentVersion)
  if (version?.issuer !== issuer) return null
  return renewalId(new X509Certificate(version.chain)) ?? null
}

async function insertOrder(
  work: Work,
  { by, decisionId }: Requester,
  certificate: Certificate,
  { now, ...prepared }: Prepared & Pick<Order, 'replaces'>,
): Promise<Result<Order, Fault>> {
  const order: Order = {
    ...prepared,
    id: newId('ord'),
    certificateId: certificate.id,
    version: (certificate.currentVersion ?? -1) + 1,
    requestedBy: by.actor,
    decisionId,
    status: 'pending',
    state: null,
    problem: null,
    steps: [{ at: now.toISOString(), status: 'pending', note: 'the order is opened' }],
    attempts: 0,
    failures: 0,
    nextAttemptAt: now,
    expiresAt: new Date(now.getTime() + ORDER_MS_MAX),
    createdAt: now,
    finishedAt: null,
  }
  if (!(await work.orders.insert(order))) return err(fault('STATE_CONFLICT'))
  const [locked] = await work.orders.lockDomains(order)
  if (locked !== undefined)
    return err(
      fault('STATE_CONFLICT', { message: `Another order for ${locked} is under way; try again when it has ended` }),
    )
  work.record(
    changeEntry(by, {
      type: 'CERTIFICATE_REQUESTED',
      resource: certificateResource(certificate),
      details: {
        orderId: order.id,
        decisionId,
        version: order.version,
        issuer: order.issuer,
        domains: [...order.domains],
        ...(certificate.currentVersion === null ? { before: null, after: certificateView(certificate) } : {}),
      },
    }),
  )
  work.advanceAuthority()
  return ok(order)
}

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CertificateOrders } from '../../../src/domain/certificates/certificate-orders.ts'
import type {
  Advance,
  CertificateAuthority,
  OpenOrder,
  Setback,
} from '../../../src/domain/certificates/certificate-authority.ts'
import { readCertificateRequest } from '../../../src/domain/certificates/certificate-request.ts'
import { driveOrder } from '../../../src/domain/certificates/drive-order.ts'
import { orderNew, orderRenewal, type OpenOrderDeps } from '../../../src/domain/certificates/open-order.ts'
import { fingerprintOf } from '../../../src/domain/certificates/read-certificate.ts'
import { updateGroup } from '../../../src/domain/groups/update-group.ts'
import { fault } from '../../../src/kernel/fault.ts'
import type { FaultCode } from '../../../src/kernel/faults.ts'
import { err, ok, type Result } from '../../../src/kernel/result.ts'
import { Secret } from '../../../src/kernel/secret.ts'
import { aCertificate } from '../../support/certificates.ts'
import { aGroup, author, type TestRegistry, testRegistry, valueOf } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'

let registry: TestRegistry
let deps: OpenOrderDeps & { source: MemorySource }
let names = 0

type Breakage = 'before' | 'after'

/** An authority in four steps that counts the orders placed with it, and breaks off where it is told to. */
class StepwiseAuthority implements CertificateAuthority {
  readonly name = 'ca'
  readonly placed = new Map<string, number>()
  readonly signed = new Map<string, number>()
  /** By the step's number: the caller dies before or after the step took effect. */
  breakages: Breakage[] = []
  answer: ((order: OpenOrder) => Result<Advance, Setback> | undefined) | undefined

  async advance(order: OpenOrder): Promise<Result<Advance, Setback>> {
    const given = this.answer?.(order)
    if (given !== undefined) return given
    const breakage = this.breakages.shift()
    if (breakage === 'before') throw new Error('killed before the step')
    const result = this.#step(order)
    if (breakage === 'after') throw new Error('killed after the step')
    return ok(result)
  }

  async tidy(): Promise<void> {
    return undefined
  }

  async renewalWindow(): Promise<undefined> {
    return undefined
  }

  #step({ id, state, csr, isResumed }: OpenOrder): Advance {
    const step = typeof state === 'number' ? state : 0
    if (step === 0) {
      // As an ACME server that lists orders is asked first.
      if (!isResumed || !this.placed.has(id)) this.placed.set(id, (this.placed.get(id) ?? 0) + 1)
      return { status: 'pending', state: 1, note: 'placed', waitMs: 0 }
    }
    if (step === 1) return { status: 'ready', state: 2, note: 'met', waitMs: 0 }
    if (step === 2) {
      if (!this.signed.has(id)) this.signed.set(id, 1)
      return { status: 'processing', state: 3, note: 'sent', waitMs: 0 }
    }
    return { status: 'valid', chain: signedFor(csr) }
  }
}

class MemorySource {
  readonly kind = 'vault'
  readonly values: Secret<string>[] = []
  async write(_path: string, value: Secret<string>) {
    return ok(String(this.values.push(value) - 1))
  }
  async read(_path: string, version: string) {
    return ok(this.values[Number(version)] ?? new Secret(''))
  }
  async adopt() {
    return err(fault('ARGUMENT_INVALID'))
  }
  async check() {
    return { ok: true, detail: '' }
  }
}

const authority = new StepwiseAuthority()

beforeAll(async () => {
  registry = await testRegistry()
  const group = await aGroup(registry, 'edge')
  valueOf(await updateGroup(registry.deps, author(), group.id, { domains: ['*.edge.example'] }))
  const { stores } = registry
  deps = {
    ...registry.deps,
    certificates: stores.certificates,
    orders: stores.orders,
    source: new MemorySource(),
    authorities: new Map([['ca', authority]]),
  }
})
afterAll(() => registry.close())

const requester = () => ({ by: author(), decisionId: 'dec_1' })
const driver = (holder: string) => ({ ...deps, holder, random: () => 0.5, log: silentLog })

async function aCertificateOrder() {
  const name = `n${++names}.edge.example`
  return valueOf(await orderNew(deps, requester(), { name, groups: ['edge'], domains: [name] }))
}

/** Drives as a replica that dies at each breakage and one that comes after it, when the lease has run out. */
async function driveThrough(orderId: string): Promise<void> {
  for (let replica = 0; replica < 20; replica++) {
    await driveOrder(driver(`replica-${names}-${replica}`), orderId, new AbortController().signal).catch(
      () => undefined,
    )
    if ((await deps.orders.find(orderId))?.finishedAt !== null) return
    registry.now += 120_000 / 4
  }
}

describe('an order', () => {
  test('whose driver is killed at any step, before or after it took effect, is finished by the next one and placed once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom<Breakage>('before', 'after'), { maxLength: 5 }), async (breakages) => {
        const { certificate, order } = await aCertificateOrder()
        authority.breakages = [...breakages]
        await driveThrough(order.id)
        authority.breakages = []
        expect(await deps.orders.find(order.id)).toMatchObject({ status: 'valid', decisionId: 'dec_1' })
        expect(await deps.certificates.find(certificate.id)).toMatchObject({ currentVersion: 0 })
        expect(authority.placed.get(order.id)).toBe(1)
        expect(await deps.orders.list(certificate.id, 10)).toHaveLength(1)
      }),
      { numRuns: 20 },
    )
  })

  test('is driven by one of two replicas that race for it, and one order comes of two renewals at once', async () => {
    const { certificate, order } = await aCertificateOrder()
    expect(await fingerprintOf(deps.certificates, certificate.name, certificate.groups)).toBeUndefined()
    await driveThrough(order.id)
    const issued = await deps.certificates.find(certificate.id)
    if (issued === undefined) throw new Error('the certificate is there')
    expect(await fingerprintOf(deps.certificates, certificate.name, certificate.groups)).toBe(
      issued.current?.fingerprint,
    )
    expect(await fingerprintOf(deps.certificates, certificate.name, ['another'])).toBeUndefined()
    const opened = await Promise.all([1, 2, 3].map(() => orderRenewal(deps, requester(), issued)))
    const ids = new Set(opened.map((each) => valueOf(each).id))
    expect(ids.size).toBe(1)
    const [id = ''] = ids
    const signal = new AbortController().signal
    await Promise.all(['a', 'b'].map((holder) => driveOrder(driver(holder), id, signal)))
    expect(await deps.certificates.find(certificate.id)).toMatchObject({ currentVersion: 1 })
    expect(authority.placed.get(id)).toBe(1)
    const types = registry.events().map(({ type }) => type)
    expect(types.filter((type) => type === 'CERTIFICATE_RENEWED')).toHaveLength(1)
  })

  test('locks its names: another certificate with one of them has to wait', async () => {
    const { order } = await aCertificateOrder()
    const [domain = ''] = order.domains
    const second = await orderNew(deps, requester(), { name: `other-${domain}`, groups: ['edge'], domains: [domain] })
    expect(second).toMatchObject({ ok: false, error: { code: 'STATE_CONFLICT' } })
    await driveThrough(order.id)
    expect(
      (await orderNew(deps, requester(), { name: `other-${domain}`, groups: ['edge'], domains: [domain] })).ok,
    ).toBe(true)
  })

  test('with a request that names more than was decided goes nowhere', async () => {
    const { order } = await aCertificateOrder()
    await registry.database
      .knex('certificate_orders')
      .where('id', order.id)
      .update({ domains: ['x.edge.example'] })
    await driveThrough(order.id)
    expect(await deps.orders.find(order.id)).toMatchObject({
      status: 'invalid',
      problem: expect.stringContaining('other domains'),
    })
    expect(authority.placed.has(order.id)).toBe(false)
  })

  const wrong = aCertificate({ subject: 'x', domains: ['wrong.example'] }).certificate
  test.each<[string, Result<Advance, Setback>, string]>([
    ['refuses', refusal('ISSUER_REFUSED', 'no such name'), 'no such name'],
    ['limits the rate until after its end', refusal('ISSUER_RATE_LIMITED', 'too many', 3_600_000), 'too many'],
    ['answers garbage for a certificate', ok({ status: 'valid', chain: 'garbage' }), 'the chain is no PEM'],
    [
      'answers with another certificate',
      ok({ status: 'valid', chain: wrong }),
      'its names are not those that were ordered',
    ],
    ['is silent all the time', refusal('ISSUER_UNAVAILABLE', 'no answer in time'), 'no answer in time'],
  ])('ends with the reason when the authority %s', async (_, answer, reason) => {
    registry.events()
    const { certificate, order } = await aCertificateOrder()
    authority.answer = () => answer
    for (let turn = 0; turn < 40 && (await deps.orders.find(order.id))?.finishedAt === null; turn++) {
      await driveThrough(order.id)
    }
    authority.answer = undefined
    expect(await deps.orders.find(order.id)).toMatchObject({
      status: 'invalid',
      problem: expect.stringContaining(reason),
    })
    expect(registry.events().map(({ type, outcome }) => `${type} ${outcome}`)).toEqual([
      'CERTIFICATE_REQUESTED ok',
      'CERTIFICATE_FAILED failed',
    ])
    expect(valueOf(await orderRenewal(deps, requester(), certificate)).id).not.toBe(order.id)
  })
})

test('orders that wait are taken up by whichever replica looks next', async () => {
  const { order } = await aCertificateOrder()
  const running = new CertificateOrders(driver('looking'))
  await running.resume()
  expect(await running.settled(order, 5_000, new AbortController().signal)).toMatchObject({ status: 'valid' })
  await running.stop()
})

function refusal(code: FaultCode, message: string, retryAfterMs: number | null = null): Result<Advance, Setback> {
  return err({ fault: fault(code, { message }), retryAfterMs })
}

/** A certificate for the key and the names of a request. */
function signedFor(csr: Buffer): string {
  const facts = readCertificateRequest(csr)
  if (facts === undefined) throw new Error('the request can be read')
  return aCertificate({ subject: 'issued', domains: facts.domains, publicKey: facts.publicKey }).certificate
}

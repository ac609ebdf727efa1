import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { AcmeAuthority } from '../../../src/adapters/acme/acme-authority.ts'
import { AcmeClient } from '../../../src/adapters/acme/acme-client.ts'
import { webhookDns01 } from '../../../src/adapters/acme/dns01.ts'
import { ask } from '../../../src/adapters/acme/https-request.ts'
import type { OpenOrder, Setback } from '../../../src/domain/certificates/certificate-authority.ts'
import { newCertificateRequest } from '../../../src/domain/certificates/certificate-request.ts'
import { readChain } from '../../../src/domain/certificates/read-chain.ts'
import { Secret } from '../../../src/kernel/secret.ts'
import { type AcmeFault, acmeFaultProxy, type AcmeFaultProxy } from '../../support/acme-fault-proxy.ts'
import { exercised } from '../../support/components.ts'
import { type DnsService, dnsWebhook } from '../../support/dns-services.ts'
import { type Pebble, startPebble } from '../../support/pebble.ts'

const NEW_ORDER = '/order-plz'
const STEPS_MAX = 60

let pebble: Pebble
let webhook: DnsService
let names = 0

beforeAll(async () => {
  const started = await startPebble({}, { domainBlocklist: ['blocked.example'] })
  if (started === undefined) throw new Error('Pebble is missing: npm run tools')
  pebble = started
  webhook = await dnsWebhook(pebble.dnsUrl)
})
afterAll(() => Promise.all([webhook?.stop(), pebble?.stop()]))

describe('an order at an authority that misbehaves once', () => {
  const faults: readonly AcmeFault[] = ['lost question', 'lost answer', 'unavailable', 'too many', 'garbage']

  test.each(faults)('with "%s", at any request of it, is through in the end and placed once', async (fault) => {
    const clean = await acmeFaultProxy(pebble, () => undefined)
    const { setbacks } = await walk(clean, 'goes on')
    await clean.stop()
    expect(setbacks).toEqual([])
    const places = clean.paths.map((_, index) => index)
    expect(places.length).toBeGreaterThan(10)
    const all = await Promise.all(
      places.map(async (place) => {
        const proxy = await acmeFaultProxy(pebble, (index) => (index === place ? fault : undefined))
        const went = await walk(proxy, 'goes on')
        await proxy.stop()
        return { path: clean.paths[place], chain: went.chain?.ok, orders: ordersAt(proxy), setbacks: went.setbacks }
      }),
    )
    exercised('pebble')
    for (const { path, chain, orders, setbacks: of } of all) {
      expect({ path, chain, orders }).toEqual({ path, chain: true, orders: 1 })
      for (const { fault: refusal, retryAfterMs } of of) {
        const isLimited = fault === 'too many'
        expect(refusal.code).toBe(isLimited ? 'ISSUER_RATE_LIMITED' : 'ISSUER_UNAVAILABLE')
        expect(retryAfterMs).toBe(isLimited ? 7_000 : fault === 'unavailable' ? 1_000 : null)
      }
    }
    expect(all.some((each) => each.setbacks.length > 0)).toBe(true)
  })

  test('whose gateway dies after each step, before it could put it on record, is placed once', async () => {
    const proxy = await acmeFaultProxy(pebble, () => undefined)
    const { chain, setbacks } = await walk(proxy, 'dies after each step')
    await proxy.stop()
    expect({ chain: chain?.ok, setbacks, orders: ordersAt(proxy) }).toEqual({ chain: true, setbacks: [], orders: 1 })
    const finalized = proxy.paths.filter((path) => path.startsWith('/finalize-order/'))
    expect(finalized).toHaveLength(1)
  })
})

test('an order whose answer is lost is found on the last page of the orders of its account', async () => {
  const proxy = await acmeFaultProxy(pebble, () => undefined)
  const { authority, close } = authorityOf(proxy, accountKey(), webhook.url)
  for (let earlier = 0; earlier < 7; earlier++) await authority.advance(await anOrder())
  const lost = await anOrder()
  const [placed, found] = [await authority.advance(lost), await authority.advance({ ...lost, isResumed: true })]
  close()
  await proxy.stop()
  expect(found).toEqual(placed)
  expect(ordersAt(proxy)).toBe(8)
  expect(proxy.paths.filter((path) => path.startsWith('/list-orderz/'))).toHaveLength(3)
})

test('an order that cannot be looked for in time is neither found nor placed again', async () => {
  const start = performance.now()
  const clock = vi.spyOn(performance, 'now').mockReturnValue(start)
  const proxy = await acmeFaultProxy(pebble, (_, path) => {
    if (path.startsWith('/list-orderz/')) clock.mockReturnValue(start + 10_001)
    return undefined
  })
  const { authority, close } = authorityOf(proxy, accountKey(), webhook.url)
  const lost = await anOrder()
  await authority.advance(lost)
  const answer = await authority.advance({ ...lost, isResumed: true })
  clock.mockRestore()
  close()
  await proxy.stop()
  expect(answer).toMatchObject({ ok: false, error: { fault: { code: 'ISSUER_UNAVAILABLE' } } })
  expect(ordersAt(proxy)).toBe(1)
})

describe('an order ends with what the authority says', () => {
  test('when it refuses the name', async () => {
    const { setbacks } = await throughProxy(['www.blocked.example'])
    expect(setbacks).toMatchObject([{ fault: { code: 'ISSUER_REFUSED' } }])
    expect(setbacks[0]?.fault.message).toMatch(/blocked\.example|policy/i)
  })

  test('when it finds no answer to its challenge', async () => {
    const { setbacks } = await throughProxy(['unpublished.example'], 'http://127.0.0.1:9')
    expect(setbacks).toMatchObject([{ fault: { code: 'ISSUER_UNAVAILABLE' } }])
    const silent = createServer((_request, response) => void response.end())
    await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve))
    const address = silent.address()
    const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
    const { setbacks: after } = await throughProxy(['unpublished.example'], url)
    silent.close()
    expect(after).toMatchObject([{ fault: { code: 'ISSUER_REFUSED' } }])
    expect(after[0]?.fault.message).toContain('unpublished.example')
  })

  test('when it has lost the order', async () => {
    const key = accountKey()
    const proxy = await acmeFaultProxy(pebble, () => undefined)
    const { authority, close } = authorityOf(proxy, key, webhook.url)
    const placed = await authority.advance(await anOrder())
    if (!placed.ok || placed.value.status === 'valid') throw new Error('the order is placed')
    const state = JSON.parse(JSON.stringify(placed.value.state).replace(/my-order\/[^"]+/, 'my-order/none'))
    const next = await authority.advance({ ...(await anOrder()), state })
    close()
    await proxy.stop()
    expect(next).toMatchObject({ ok: false, error: { fault: { code: 'ISSUER_REFUSED' } } })
  })
})

test('a server that is silent, endless or sends somewhere else gives no answer', async () => {
  const server = createServer((request, response) => {
    if (request.url === '/endless') response.end('x'.repeat(1024 * 1024 + 1))
    if (request.url === '/elsewhere') response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end()
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  await expect(ask(`${url}/silent`, { method: 'GET', timeoutMs: 50 })).rejects.toThrow('no answer in time')
  await expect(ask(`${url}/endless`, { method: 'GET' })).rejects.toThrow('longer than')
  expect(await ask(`${url}/elsewhere`, { method: 'GET' })).toMatchObject({ status: 302 })
  await expect(ask('file:///etc/passwd', { method: 'GET' })).rejects.toThrow('no URL')
  server.closeAllConnections()
  server.close()
})

interface Went {
  readonly chain: ReturnType<typeof readChain> | undefined
  readonly setbacks: readonly Setback[]
}

async function throughProxy(domains: readonly string[], dnsUrl = webhook.url): Promise<Went> {
  const proxy = await acmeFaultProxy(pebble, () => undefined)
  const went = await walk(proxy, 'goes on', domains, dnsUrl)
  await proxy.stop()
  return went
}

/** Steps to the end, each again after a setback that passes; waits are not waited out beyond what Pebble needs. */
async function walk(
  proxy: AcmeFaultProxy,
  gateway: 'goes on' | 'dies after each step',
  domains?: readonly string[],
  dnsUrl = webhook.url,
): Promise<Went> {
  const key = accountKey()
  let { authority, close } = authorityOf(proxy, key, dnsUrl)
  let order = await anOrder(domains)
  const setbacks: Setback[] = []
  for (let step = 0; step < STEPS_MAX; step++) {
    if (gateway === 'dies after each step') {
      await authority.advance(order)
      close()
      ;({ authority, close } = authorityOf(proxy, key, dnsUrl))
      order = { ...order, isResumed: true }
    }
    const advanced = await authority.advance(order)
    if (advanced.ok && advanced.value.status === 'valid') {
      await authority.tidy(order.state)
      close()
      return { chain: readChain(advanced.value.chain), setbacks }
    }
    if (!advanced.ok) setbacks.push(advanced.error)
    if (!advanced.ok && (advanced.error.fault.code === 'ISSUER_REFUSED' || setbacks.length > 3)) break
    if (!advanced.ok && dnsUrl.endsWith(':9')) break
    // As the driver does it: only what is known to have ended is not a step resumed.
    order = { ...order, isResumed: !advanced.ok, ...(advanced.ok ? stateOf(advanced.value) : {}) }
    if (advanced.ok && 'waitMs' in advanced.value) await delay(Math.min(advanced.value.waitMs, 250))
  }
  close()
  return { chain: undefined, setbacks }
}

function stateOf(advance: object): Pick<OpenOrder, 'state'> | undefined {
  return 'state' in advance ? { state: JSON.parse(JSON.stringify(advance.state)) } : undefined
}

function ordersAt({ created }: AcmeFaultProxy): number {
  return created.filter((path) => path === NEW_ORDER).length
}

function accountKey(): Secret<string> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
}

function authorityOf({ directoryUrl, ca }: AcmeFaultProxy, key: Secret<string>, dnsUrl: string) {
  const client = new AcmeClient({ directoryUrl, ca }, async () => key)
  const responders = [webhookDns01({ url: dnsUrl, token: undefined })]
  const authority = new AcmeAuthority({ name: 'pebble', client, profile: undefined, responders })
  return { authority, close: () => client.close() }
}

async function anOrder(domains: readonly string[] = [`f${++names}.edge.example`]): Promise<OpenOrder> {
  const { csr } = await newCertificateRequest(domains)
  return { id: 'ord_1', domains, csr, replaces: null, state: null, isResumed: false }
}

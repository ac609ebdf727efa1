import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ociSource } from '../../src/adapters/bundle-source/oci-source.ts'
import { Secret } from '../../src/kernel/secret.ts'
import { itemsOf } from '../support/items.ts'
import { startRegistry } from '../support/oci-registry.ts'
import { type PolicyAuthor, policyAuthor } from '../support/policy-author.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { certificate } from '../support/tls-endpoint.ts'
import { until } from '../support/until.ts'

let author: PolicyAuthor
let bundles: readonly Buffer[]

beforeAll(async () => {
  author = await policyAuthor()
  bundles = [await author.bundle({ revision: 'r1', sequence: 1 }), await author.bundle({ revision: 'r2', sequence: 2 })]
})
afterAll(() => author.leave())

/** A server of OPA bundles that answers who waits as soon as there is news. */
async function bundleServer() {
  let bytes: Buffer = Buffer.alloc(0)
  const waiting = new Set<ServerResponse>()
  const tag = () => `"${createHash('sha256').update(bytes).digest('hex')}"`
  const answer = (to: ServerResponse) =>
    to.writeHead(200, { etag: tag(), 'content-type': 'application/vnd.openpolicyagent.bundles' }).end(bytes)
  const server = createServer((request, to) => {
    if (request.headers['if-none-match'] !== tag()) return answer(to)
    waiting.add(to)
    return to.on('close', () => waiting.delete(to))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/bundles/acme`,
    waiting: () => waiting.size,
    publish(bundle: Buffer) {
      bytes = bundle
      for (const to of waiting) answer(to)
    },
    stop() {
      server.close().closeAllConnections()
    },
  }
}

async function activeIn(gateway: TestGateway): Promise<unknown> {
  const { active } = (await gateway.api.get('/policy')).body
  return typeof active === 'object' && active !== null && 'revision' in active ? active.revision : undefined
}

const rejections = async (gateway: TestGateway) =>
  itemsOf((await gateway.api.get('/audit?type=POLICY_BUNDLE_REJECTED')).body)

test('what a bundle server publishes decides on three replicas that wait for it, and what is wrong changes nothing', async () => {
  const server = await bundleServer()
  server.publish(bundles[0] ?? Buffer.alloc(0))
  const gateway = await testGateway({ ...author.settings, CERTLOCKER_POLICY__SOURCE: server.url })
  const replicas = [gateway]
  try {
    replicas.push(await gateway.replica(), await gateway.replica())
    for (const replica of replicas) expect(await activeIn(replica)).toBe('r1')
    await until(async () => server.waiting() === 3)
    server.publish(bundles[1] ?? Buffer.alloc(0))
    for (const replica of replicas) await until(async () => (await activeIn(replica)) === 'r2')
    expect(await rejections(gateway)).toEqual([])

    await until(async () => server.waiting() === 3)
    server.publish(Buffer.from('no bundle'))
    await until(async () => (await rejections(gateway)).length > 0)
    expect((await rejections(gateway))[0]).toMatchObject({ code: 'BUNDLE_MALFORMED', details: { source: server.url } })
    for (const replica of replicas) expect(await activeIn(replica)).toBe('r2')
  } finally {
    server.stop()
    for (const replica of replicas.slice(1)) await replica.stop()
    await gateway.stop()
  }
}, 120_000)

test('what oras pushes to a registry decides, also once the registry is away', async () => {
  const registry = await startRegistry()
  if (registry === undefined) return expect(process.env['CI']).not.toBe('true')
  const layer = 'application/vnd.oci.image.layer.v1.tar+gzip'
  await registry.push('acme/policy:live', bundles[0] ?? Buffer.alloc(0), layer)
  const source = {
    CERTLOCKER_POLICY__SOURCE: `oci://${registry.host}/acme/policy:live`,
    CERTLOCKER_POLICY__POLL_SECONDS: '1',
  }
  let gateway = await testGateway({ ...author.settings, ...source })
  try {
    expect(await activeIn(gateway)).toBe('r1')
    await registry.push('acme/policy:live', bundles[1] ?? Buffer.alloc(0), layer)
    await until(async () => (await activeIn(gateway)) === 'r2')
    await registry.stop()
    gateway = await gateway.restart()
    expect(await activeIn(gateway)).toBe('r2')
    expect((await rejections(gateway))[0]).toMatchObject({ code: 'BUNDLE_SOURCE_UNAVAILABLE' })
  } finally {
    await gateway.stop()
  }
}, 120_000)

test('a registry that speaks TLS and asks for a password gives a bundle to who knows it, and to nobody else', async () => {
  const guard = {
    ...(await certificate()),
    user: 'gateway',
    password: 'registry-password',
    passwordHash: '$2b$05$1THQkKS28f4InR6otVaBfeDduQrXoC7ahw0rfNeaQOp0BveFU/BVC',
  }
  const registry = await startRegistry(guard)
  if (registry === undefined) return expect(process.env['CI']).not.toBe('true')
  try {
    await registry.push('acme/policy:live', bundles[0] ?? Buffer.alloc(0))
    const pull = (password: string, ca: string) =>
      ociSource(`oci://${registry.host}/acme/policy:live`, {
        credential: new Secret(`gateway:${password}`),
        ca,
        timeoutMs: 5_000,
      }).fetch(undefined, new AbortController().signal)
    const pulled = await pull(guard.password, guard.cert)
    expect(pulled.ok && Buffer.from(pulled.value?.bytes ?? []).equals(bundles[0] ?? Buffer.alloc(0))).toBe(true)
    const refusal = { ok: false, error: { code: 'BUNDLE_SOURCE_UNAVAILABLE' } }
    const wrong = await pull('another-password', guard.cert)
    expect(wrong).toMatchObject(refusal)
    expect(JSON.stringify(wrong)).toMatch(/401(?!.*another-password)/u)
    expect(await pull(guard.password, (await certificate()).cert)).toMatchObject(refusal)
  } finally {
    await registry.stop()
  }
}, 60_000)

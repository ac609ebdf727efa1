import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { httpSource } from '../../../src/adapters/bundle-source/http-source.ts'
import { parseOciUrl } from '../../../src/adapters/bundle-source/oci-place.ts'
import { ociSource } from '../../../src/adapters/bundle-source/oci-source.ts'
import { Secret } from '../../../src/kernel/secret.ts'
import { bundleBounds } from '../../../src/policy/bundle.ts'
import { aCertificate } from '../../support/certificates.ts'
import { type OciRegistry, startRegistry } from '../../support/oci-registry.ts'

const open = { credential: undefined, ca: undefined, timeoutMs: 2_000 }
const never = new AbortController().signal
const bundle = Buffer.from('a bundle, as far as a source looks')
const longPollType = 'application/vnd.openpolicyagent.bundles'

const servers: Server[] = []
afterAll(() => {
  for (const server of servers) server.close().closeAllConnections()
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}

const refusal = (code: string, detail: string) => ({
  ok: false,
  error: { code, detail: expect.stringContaining(detail) },
})

describe('a bundle server', () => {
  test('is asked by entity tag, and to wait once there is something to wait for', async () => {
    const asked: IncomingMessage['headers'][] = []
    const url = await serve(({ headers }, response) => {
      asked.push(headers)
      const isKnown = headers['if-none-match'] === '"v1"'
      response.writeHead(isKnown ? 304 : 200, { etag: '"v1"', 'content-type': longPollType }).end(isKnown ? '' : bundle)
    })
    const source = httpSource(`${url}/bundles/acme`, { ...open, credential: new Secret('robot:pass') })
    expect(await source.fetch(undefined, never)).toEqual({ ok: true, value: { bytes: bundle, tag: '"v1"' } })
    expect(source.waits).toBe(true)
    expect(await source.fetch('"v1"', never)).toEqual({ ok: true, value: undefined })
    expect(source.waits, 'a server that says it waits and does not').toBe(false)
    expect(asked).toMatchObject([
      { prefer: 'modes=snapshot', authorization: `Basic ${Buffer.from('robot:pass').toString('base64')}` },
      { prefer: 'modes=snapshot;wait=30', 'if-none-match': '"v1"' },
    ])
    expect(asked[0]).not.toHaveProperty('if-none-match')
  })

  test('without entity tags is known by what it gives', async () => {
    const source = httpSource(await serve((_, response) => response.end(bundle)), open)
    const first = await source.fetch(undefined, never)
    expect(first).toMatchObject({ ok: true, value: { bytes: bundle } })
    expect(source.waits).toBe(false)
    expect(await source.fetch(first.ok ? first.value?.tag : '', never)).toEqual({ ok: true, value: undefined })
  })

  test.each<[string, RequestListener, string, string]>([
    ['refuses', (_, to) => to.writeHead(503).end(), 'BUNDLE_SOURCE_UNAVAILABLE', 'it answered 503'],
    ['says that nothing changed since never', (_, to) => to.writeHead(304).end(), 'BUNDLE_SOURCE_UNAVAILABLE', '304'],
    ['hangs up', ({ socket }) => void socket.destroy(), 'BUNDLE_SOURCE_UNAVAILABLE', 'ECONNRESET'],
    ['is silent', () => undefined, 'BUNDLE_SOURCE_UNAVAILABLE', 'no answer in time'],
    ['stops half way', (_, to) => void to.writeHead(200).write('half'), 'BUNDLE_SOURCE_UNAVAILABLE', 'in time'],
    [
      'redirects elsewhere',
      (_, to) => to.writeHead(302, { location: 'https://example.com/' }).end(),
      'BUNDLE_SOURCE_UNAVAILABLE',
      'another origin',
    ],
    [
      'redirects to itself',
      ({ url }, to) => to.writeHead(307, { location: url }).end(),
      'BUNDLE_SOURCE_UNAVAILABLE',
      'circles',
    ],
    [
      'announces too much',
      (_, to) => to.writeHead(200, { 'content-length': bundleBounds.tarballBytesMax + 1 }).flushHeaders(),
      'BUNDLE_TOO_LARGE',
      'more than',
    ],
    [
      'sends too much',
      (_, to) => to.writeHead(200).end(Buffer.alloc(bundleBounds.tarballBytesMax + 1)),
      'BUNDLE_TOO_LARGE',
      'more than',
    ],
  ])('that %s gives no bundle', async (_, listener, code, detail) => {
    const source = httpSource(await serve(listener), { ...open, timeoutMs: 300 })
    expect(await source.fetch(undefined, never)).toEqual(refusal(code, detail))
  })

  test('follows a redirection within its origin', async () => {
    const url = await serve((request, to) =>
      request.url === '/new' ? to.end(bundle) : to.writeHead(302, { location: '/new' }).end(),
    )
    expect(await httpSource(`${url}/old`, open).fetch(undefined, never)).toMatchObject({ value: { bytes: bundle } })
  })

  test('is checked against the certificates that it is said to have', async () => {
    const { certificate, key } = aCertificate({ subject: 'server', domains: ['localhost'] })
    const server = createTlsServer({ cert: certificate, key }, (_, to) => to.end(bundle)).listen(0, '127.0.0.1')
    servers.push(server)
    await once(server, 'listening')
    const address = server.address()
    const url = `https://localhost:${typeof address === 'object' && address !== null ? address.port : 0}/bundle`
    const known = httpSource(url, { ...open, ca: certificate })
    expect(await known.fetch(undefined, never)).toMatchObject({ value: { bytes: bundle } })
    expect(await httpSource(url, open).fetch(undefined, never)).toEqual(
      refusal('BUNDLE_SOURCE_UNAVAILABLE', 'cannot be reached'),
    )
  })

  test('is never asked in the clear over a network', async () => {
    const asked = await httpSource('http://192.0.2.1/bundle', open).fetch(undefined, never)
    expect(asked).toEqual(refusal('BUNDLE_SOURCE_UNAVAILABLE', 'neither https nor within this machine'))
  })
})

describe('a real registry', () => {
  let registry: OciRegistry | undefined
  beforeAll(async () => {
    registry = await startRegistry()
  }, 600_000)
  afterAll(() => registry?.stop())

  test.each(['application/vnd.oci.image.layer.v1.tar+gzip', undefined])(
    'gives what oras pushed as %s, by tag and by digest, and once',
    async (layerType) => {
      if (registry === undefined) return expect(process.env['CI']).not.toBe('true')
      const repository = `acme/policy-${layerType === undefined ? 'plain' : 'gzip'}`
      await registry.push(`${repository}:v1`, bundle, layerType)
      const byTag = ociSource(`oci://${registry.host}/${repository}:v1`, open)
      const pulled = await byTag.fetch(undefined, never)
      expect(pulled).toMatchObject({ ok: true, value: { bytes: bundle, tag: expect.stringMatching(/^sha256:/u) } })
      const tag = pulled.ok ? (pulled.value?.tag ?? '') : ''
      expect(await byTag.fetch(tag, never)).toEqual({ ok: true, value: undefined })
      const byDigest = ociSource(`oci://${registry.host}/${repository}@${tag}`, open)
      expect(await byDigest.fetch(undefined, never)).toEqual(pulled)
      await registry.push(`${repository}:v1`, Buffer.from('another'), layerType)
      expect(await byTag.fetch(tag, never)).toMatchObject({ value: { bytes: Buffer.from('another') } })
      const absent = ociSource(`oci://${registry.host}/${repository}:v2`, open)
      expect(await absent.fetch(undefined, never)).toEqual(refusal('BUNDLE_SOURCE_UNAVAILABLE', 'answered 404'))
    },
  )
})

const digestOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const layer = {
  mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
  digest: digestOf(bundle),
  size: bundle.length,
}

/** A registry in which the test lies. */
async function registryOf(manifest: string, blob: Uint8Array = bundle, headers = {}): Promise<string> {
  const url = await serve(({ url: path = '' }, to) => {
    const isManifest = path.startsWith('/v2/acme/policy/manifests/')
    to.writeHead(200, isManifest ? headers : {}).end(isManifest ? manifest : blob)
  })
  return `oci://${new URL(url).host}/acme/policy`
}

describe('a registry that is wrong', () => {
  const honest = JSON.stringify({ layers: [layer] })
  const lie = digestOf(Buffer.from('something else'))
  test.each<[string, () => Promise<string>, string, string]>([
    [
      'with another manifest than the digest asked for',
      async () => `${await registryOf(honest)}@${lie}`,
      'BUNDLE_DIGEST_MISMATCH',
      lie,
    ],
    [
      'with another manifest than it says',
      () => registryOf(honest, bundle, { 'docker-content-digest': lie }),
      'BUNDLE_DIGEST_MISMATCH',
      lie,
    ],
    [
      'with another layer',
      () => registryOf(honest, Buffer.alloc(bundle.length)),
      'BUNDLE_DIGEST_MISMATCH',
      layer.digest,
    ],
    [
      'with a layer of another size',
      () => registryOf(JSON.stringify({ layers: [{ ...layer, size: 1 }] })),
      'BUNDLE_DIGEST_MISMATCH',
      layer.digest,
    ],
    [
      'with a layer that is too large',
      () => registryOf(JSON.stringify({ layers: [{ ...layer, size: bundleBounds.tarballBytesMax + 1 }] })),
      'BUNDLE_TOO_LARGE',
      'bytes',
    ],
    ['with two layers', () => registryOf(JSON.stringify({ layers: [layer, layer] })), 'BUNDLE_MALFORMED', '/layers'],
    [
      'with a layer of another kind',
      () => registryOf(JSON.stringify({ layers: [{ ...layer, mediaType: 'text/html' }] })),
      'BUNDLE_MALFORMED',
      '/layers/0/mediaType',
    ],
    [
      'with a digest that leads elsewhere',
      () => registryOf(JSON.stringify({ layers: [{ ...layer, digest: 'sha256:../../../x' }] })),
      'BUNDLE_MALFORMED',
      '/layers/0/digest',
    ],
    [
      'with an index of many',
      () => registryOf(JSON.stringify({ mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [] })),
      'BUNDLE_MALFORMED',
      'manifest',
    ],
    ['with no JSON', () => registryOf('<html>'), 'BUNDLE_MALFORMED', 'manifest'],
  ])('%s gives no bundle', async (_, place, code, detail) => {
    expect(await ociSource(await place(), open).fetch(undefined, never)).toEqual(refusal(code, detail))
  })
})

test('a layer may lie at another origin, which gets no credential', async () => {
  const seen: unknown[] = []
  const store = await serve(({ headers }, to) => {
    seen.push(headers.authorization)
    to.end(bundle)
  })
  const url = await serve(({ url: path = '', headers }, to) => {
    if (headers.authorization === undefined) return to.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end()
    if (path.includes('/blobs/')) return to.writeHead(307, { location: `${store}/blob` }).end()
    return to.end(JSON.stringify({ layers: [layer] }))
  })
  const source = ociSource(`oci://${new URL(url).host}/acme/policy`, { ...open, credential: new Secret('robot:pass') })
  expect(await source.fetch(undefined, never)).toMatchObject({ value: { bytes: bundle } })
  expect(seen).toEqual([undefined])
})

describe('a registry that asks who is there', () => {
  /** With the authorization that it takes; tokens are given to `robot:pass` or, when `anonymous`, to everybody. */
  async function guarded(challenge: (origin: string) => string, takes: string, anonymous = false) {
    const asked: string[] = []
    const url = await serve((request, to) => {
      const { authorization } = request.headers
      const place = new URL(request.url ?? '', `http://${request.headers.host}`)
      if (place.pathname === '/token') {
        asked.push(`${place.search} ${authorization ?? 'anonymous'}`)
        const isKnown = anonymous || authorization === `Basic ${Buffer.from('robot:pass').toString('base64')}`
        return isKnown ? to.end('{"token":"t0k3n"}') : to.writeHead(401).end()
      }
      if (authorization !== takes) return to.writeHead(401, { 'www-authenticate': challenge(place.origin) }).end()
      return to.end(place.pathname.includes('/manifests/') ? JSON.stringify({ layers: [layer] }) : bundle)
    })
    return { source: `oci://${new URL(url).host}/acme/policy:v1`, asked }
  }
  const bearer = (origin: string) => `Bearer realm="${origin}/token",service="reg",scope="repository:other:push"`
  const robot = { ...open, credential: new Secret('robot:pass') }

  test('gets a token for pulling this repository alone, once for manifest and layer', async () => {
    const { source, asked } = await guarded(bearer, 'Bearer t0k3n')
    expect(await ociSource(source, robot).fetch(undefined, never)).toMatchObject({ value: { bytes: bundle } })
    const scope = '?scope=repository%3Aacme%2Fpolicy%3Apull&service=reg'
    expect(asked).toEqual([`${scope} Basic ${Buffer.from('robot:pass').toString('base64')}`])
  })

  test('gives tokens to anybody where it is public', async () => {
    const { source } = await guarded(bearer, 'Bearer t0k3n', true)
    expect(await ociSource(source, open).fetch(undefined, never)).toMatchObject({ value: { bytes: bundle } })
  })

  test('is shown a credential by Basic where it asks for that', async () => {
    const { source } = await guarded(() => 'Basic realm="r"', `Basic ${Buffer.from('robot:pass').toString('base64')}`)
    expect(await ociSource(source, robot).fetch(undefined, never)).toMatchObject({ value: { bytes: bundle } })
  })

  test.each<[string, (origin: string) => string, typeof open | typeof robot, string]>([
    ['without one', () => 'Basic realm="r"', open, 'policy.sourceCredential'],
    ['with a wrong one', bearer, { ...open, credential: new Secret('robot:wrong') }, 'it gave no token (401)'],
    ['with tokens from an open network', () => 'Bearer realm="http://192.0.2.1/token"', robot, 'no safe place'],
  ])('gives nothing %s, and no credential is told', async (_, challenge, access, detail) => {
    const { source } = await guarded(challenge, 'nothing')
    const got = await ociSource(source, access).fetch(undefined, never)
    expect(got).toEqual(refusal('BUNDLE_SOURCE_UNAVAILABLE', detail))
    expect(JSON.stringify(got)).not.toMatch(/pass|wrong/u)
  })
})

test.each([
  ['oci://ghcr.io/acme/policy', 'latest'],
  ['oci://ghcr.io:5000/acme/policy:v1.2', 'v1.2'],
  [`oci://ghcr.io/policy@sha256:${'a'.repeat(64)}`, `sha256:${'a'.repeat(64)}`],
])('%s names %s', (url, reference) => expect(parseOciUrl(url)).toMatchObject({ reference }))

test.each(['oci://h/', 'oci://h/UPPER', 'oci://h/a/../b', 'oci://h/a:b:c', 'oci://h/a@sha256:12', 'oci://u@h/a'])(
  '%s names no bundle',
  (url) => expect(() => parseOciUrl(url)).toThrow('oci://HOST'),
)

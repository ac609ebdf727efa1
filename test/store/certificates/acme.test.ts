import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AcmeConfig, openAcme } from '../../../src/adapters/acme/open-acme.ts'
import type { CertificateAuthority, Setback } from '../../../src/domain/certificates/certificate-authority.ts'
import { newCertificateRequest } from '../../../src/domain/certificates/certificate-request.ts'
import { readChain } from '../../../src/domain/certificates/read-chain.ts'
import { ok } from '../../../src/kernel/result.ts'
import { Secret } from '../../../src/kernel/secret.ts'
import { exercised } from '../../support/components.ts'
import { cloudflareZone, type DnsService, dnsWebhook } from '../../support/dns-services.ts'
import { type Pebble, startPebble } from '../../support/pebble.ts'
import { silentLog } from '../../support/silent-log.ts'

const DAY_MS = 86_400_000
const MAC_KEY = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'
const TOKEN = 'a-token-of-cloudflare'

let pebble: Pebble
let webhook: DnsService
let cloudflare: DnsService
let home: string
let files = 0
const secrets = new Map<string, string>()

beforeAll(async () => {
  const started = await startPebble(
    {},
    {
      externalAccountBindingRequired: true,
      externalAccountMACKeys: { 'kid-1': MAC_KEY },
      profiles: {
        default: { description: 'ninety days', validityPeriod: 7_776_000 },
        shortlived: { description: 'six days', validityPeriod: 518_400 },
      },
    },
  )
  if (started === undefined) throw new Error('Pebble is missing: npm run tools')
  pebble = started
  home = await mkdtemp(join(tmpdir(), 'certlocker-acme-'))
  ;[webhook, cloudflare] = await Promise.all([
    dnsWebhook(pebble.dnsUrl),
    cloudflareZone(pebble.dnsUrl, 'edge.example', TOKEN),
  ])
})
afterAll(async () => {
  await Promise.all([webhook?.stop(), cloudflare?.stop(), pebble?.stop()])
  if (home !== undefined) await rm(home, { recursive: true })
})

const dnsSettings = {
  webhook: () => ({ url: webhook.url, token: 'a-token-of-the-webhook' }),
  cloudflare: () => ({ apiToken: TOKEN, apiUrl: cloudflare.url, propagationSeconds: 0 }),
}

describe('dns-01', () => {
  test.each([
    ['webhook', () => webhook],
    ['cloudflare', () => cloudflare],
  ] as const)(
    'by %s has a wildcard issued beside its own domain, and takes the records away',
    async (provider, service) => {
      const domains = ['*.a.edge.example', 'a.edge.example']
      const issued = await order({ dns01: await dns01(provider) }, domains)
      exercised('pebble')
      expect(readChain(issued.chain ?? '')).toMatchObject({ ok: true, value: { facts: { sans: domains } } })
      const { asked } = service()
      expect(asked.every(({ authorization }) => authorization?.startsWith('Bearer a-token-of-'))).toBe(true)
      const put = asked.filter(({ method, body }) => method === 'POST' && body['action'] !== 'cleanup')
      const gone = asked.filter(({ method, body }) => method === 'DELETE' || body['action'] === 'cleanup')
      expect([put.length, gone.length]).toEqual([2, 2])
      expect(new Set(put.map(({ body }) => body['name']))).toEqual(new Set(['_acme-challenge.a.edge.example']))
    },
  )

  test('takes its credentials from a secret, whose newest version counts from the next order on', async () => {
    const dns = { provider: 'cloudflare', credentialsSecret: 'dns' } as const
    const early = await order({ dns01: dns }, ['s.edge.example'])
    expect(early.setback?.fault).toMatchObject({ code: 'CONFIGURATION_INVALID' })
    expect(early.setback?.fault.message).toContain('acme.dns01.credentialsSecret')
    secrets.set('dns', JSON.stringify(dnsSettings.cloudflare()))
    expect((await order({ dns01: dns }, ['s.edge.example'])).chain).toContain('BEGIN CERTIFICATE')
  })

  test('ends the order with the reason where the zone is not at Cloudflare', async () => {
    const { setback } = await order({ dns01: await dns01('cloudflare') }, ['shop.example'])
    expect(setback?.fault).toMatchObject({ code: 'CHALLENGE_IMPOSSIBLE', message: expect.stringContaining('no zone') })
  })

  test('waits for a DNS service that is away or refuses, and quotes no token', async () => {
    const closed = await dnsWebhook('http://127.0.0.1:9')
    await closed.stop()
    const settings = { url: closed.url, token: 'a-token-of-the-webhook' }
    const away = await order({ dns01: await dns01('webhook', settings) }, ['b.edge.example'])
    expect(away.setback?.fault.code).toBe('ISSUER_UNAVAILABLE')
    const apiToken = 'a-token-of-nobody'
    const refused = await order({ dns01: await dns01('cloudflare', { apiToken, apiUrl: cloudflare.url }) }, [
      'b.edge.example',
    ])
    expect(refused.setback?.fault.code).toBe('ISSUER_UNAVAILABLE')
    expect(refused.setback?.fault.message).toContain('403')
    expect(JSON.stringify([away, refused])).not.toContain('a-token-of')
  })

  test('gives the records time to spread before the authority looks', async () => {
    const settings = { ...dnsSettings.cloudflare(), propagationSeconds: 7 }
    const { waitsMs } = await order({ dns01: await dns01('cloudflare', settings) }, ['c.edge.example'], 2)
    expect(waitsMs).toEqual([0, 7_000])
  })

  test.each([
    ['no JSON', '{', 'or no JSON'],
    ['no url', '{"token": "x"}', 'webhook needs the text "url"'],
  ])('does not start with credentials of %s', async (_, text, reason) => {
    const credentialsFile = await fileOf(text)
    const opened = openAcme(configuration({ dns01: { provider: 'webhook', credentialsFile } }), deps())
    await expect(opened).rejects.toMatchObject({ fault: { message: expect.stringContaining(reason) } })
  })
})

describe('an authority', () => {
  test('issues under the profile that was asked for, and refuses one that it does not have', async () => {
    const { chain = '' } = await order({ dns01: await dns01('webhook') }, ['p.edge.example'], 99, 'shortlived')
    const { validFrom, validTo } = new X509Certificate(chain)
    expect((Date.parse(validTo) - Date.parse(validFrom)) / DAY_MS).toBeCloseTo(6, 1)
    const { setback } = await order({ dns01: await dns01('webhook') }, ['p.edge.example'], 99, 'forever')
    expect(setback?.fault).toMatchObject({ code: 'ISSUER_REFUSED', message: expect.stringContaining('forever') })
  })

  test.each([
    ['without the binding that it asks for', undefined, 'externalAccountBinding'],
    ['with a binding under another key', { keyId: 'kid-1', hmacKey: 'AAAA' }, 'account binding'],
  ])('takes no account %s', async (_, eab, reason) => {
    const binding = eab && { keyId: eab.keyId, hmacKeyFile: await fileOf(`${eab.hmacKey}\n`) }
    const { setback } = await order({ dns01: await dns01('webhook'), eab: binding }, ['e.edge.example'])
    expect(setback?.fault).toMatchObject({ code: 'ISSUER_REFUSED' })
    expect(setback?.fault.message).toMatch(new RegExp(reason, 'i'))
  })
})

interface Wish extends Pick<AcmeConfig, 'dns01'> {
  /** Undefined for none; the right one when absent. */
  readonly eab?: { readonly keyId: string; readonly hmacKeyFile: string } | undefined
}

interface Went {
  readonly waitsMs: readonly number[]
  readonly chain?: string
  readonly setback?: Setback
}

/** Goes so many steps at most, to the end or to the first that is not made. */
async function order(wish: Wish, domains: readonly string[], steps = 99, profile?: string): Promise<Went> {
  const hmacKeyFile = await fileOf(MAC_KEY)
  const acme = await openAcme(configuration({ eab: { keyId: 'kid-1', hmacKeyFile }, ...wish }, profile), deps())
  const [authority] = acme.authorities
  if (authority === undefined) throw new Error('the authority is there')
  try {
    return await walked(authority, domains, steps)
  } finally {
    await acme.close()
  }
}

async function walked(authority: CertificateAuthority, domains: readonly string[], steps: number): Promise<Went> {
  const { csr } = await newCertificateRequest(domains)
  let open = { id: 'ord_1', domains, csr, replaces: null, state: null, isResumed: false }
  const waitsMs: number[] = []
  for (let step = 0; step < steps; step++) {
    const advanced = await authority.advance(open)
    if (!advanced.ok) return { waitsMs, setback: advanced.error }
    if (advanced.value.status === 'valid') {
      await authority.tidy(open.state)
      return { waitsMs, chain: advanced.value.chain }
    }
    const { state, waitMs } = advanced.value
    open = { ...open, state } as typeof open
    waitsMs.push(waitMs)
    if (step + 1 < steps) await delay(Math.min(waitMs, 250))
  }
  return { waitsMs }
}

function configuration({ dns01: dns, eab }: Wish, profile?: string): AcmeConfig {
  const { directoryUrl, caFile } = pebble
  const issuer = { name: 'pebble', directoryUrl, caFile, ...(profile && { profile }), ...(eab && { eab }) }
  return { issuers: [issuer], ...(dns && { dns01: dns }) }
}

function deps() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  const challenges = { put: async () => undefined, find: async () => undefined, remove: async () => undefined }
  const readSetting = async (name: string) => ok(new Secret(secrets.get(name) ?? ''))
  return {
    keys: { obtain: async () => ok(key) },
    challenges,
    readSetting,
    clock: { now: () => Date.now() },
    log: silentLog,
  }
}

async function dns01(provider: 'webhook' | 'cloudflare', settings: object = dnsSettings[provider]()) {
  return { provider, credentialsFile: await fileOf(JSON.stringify(settings)) }
}

async function fileOf(text: string): Promise<string> {
  const path = join(home, String(files++))
  await writeFile(path, text)
  return path
}

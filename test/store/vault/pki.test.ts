import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newCertificateRequest } from '../../../src/domain/certificates/certificate-request.ts'
import { readChain } from '../../../src/domain/certificates/read-chain.ts'
import { exercised } from '../../support/components.ts'
import { type DevServer, startDevServer } from '../../support/open-bao.ts'
import { openedVault, tokenAuth } from '../../support/vault-sources.ts'

let server: DevServer

beforeAll(async () => {
  const started = await startDevServer('bao')
  if (started === undefined) throw new Error('OpenBao is missing: npm run tools')
  server = started
  await server.api('POST', 'sys/mounts/pki', { type: 'pki', config: { max_lease_ttl: '2400h' } })
  await server.api('POST', 'pki/root/generate/internal', { common_name: 'Test CA', ttl: '2000h' })
  await server.api('POST', 'pki/roles/edge', {
    allowed_domains: 'edge.example',
    key_type: 'ec',
    allow_bare_domains: true,
    max_ttl: '720h',
  })
})
afterAll(() => server?.stop())

async function issue(domains: readonly string[], pkiRole?: string, pki = 'pki') {
  const settings = { mounts: { kv: 'secret', pki }, auth: tokenAuth(server.rootToken) }
  const vault = await openedVault(server.address, { ...settings, ...(pkiRole === undefined ? {} : { pkiRole }) })
  const { csr } = await newCertificateRequest(domains)
  const order = { id: 'ord_1', domains, csr, replaces: null, state: null, isResumed: false }
  const advanced = await vault.authority?.advance(order)
  await vault.close()
  return advanced
}

describe('the PKI engine', () => {
  test.each([
    ['without a role', undefined],
    ['under a role', 'edge'],
  ])('%s signs what was decided, with the chain to its root', async (_, role) => {
    const advanced = await issue(['edge.example'], role)
    exercised('vault')
    if (advanced?.ok !== true || advanced.value.status !== 'valid') throw new Error(JSON.stringify(advanced))
    const chain = readChain(advanced.value.chain)
    expect(chain).toMatchObject({ ok: true, value: { facts: { sans: ['edge.example'], issuerName: 'CN=Test CA' } } })
    expect(new X509Certificate(advanced.value.chain).checkHost('edge.example')).toBe('edge.example')
  })

  test('that refuses a name ends the order with its reason', async () => {
    expect(await issue(['other.example'], 'edge')).toMatchObject({
      ok: false,
      error: { fault: { code: 'ISSUER_REFUSED', message: expect.stringContaining('not allowed') } },
    })
  })

  test('that is not there refuses too', async () => {
    expect(await issue(['edge.example'], undefined, 'none')).toMatchObject({
      ok: false,
      error: { fault: { code: 'ISSUER_REFUSED' } },
    })
  })
})

test('no adopted secret leads to a private key, since the gateway keeps its own folder of Vault for itself', async () => {
  const vault = await openedVault(server.address, { auth: tokenAuth(server.rootToken) })
  expect(await vault.source.adopt('certlocker/certificates/crt_1', 'value')).toMatchObject({
    ok: false,
    error: { code: 'ARGUMENT_INVALID' },
  })
  await vault.close()
})

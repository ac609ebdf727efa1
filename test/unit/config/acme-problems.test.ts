import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { afterAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../../src/config/load-config.ts'

const folder = mkdtempSync(join(tmpdir(), 'certlocker-acme-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const ca = file('ca.pem', rootCertificates[0] ?? '')
const key = file('hmac', 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W\n')
const absent = join(folder, 'absent')
const right = { name: 'ours', directoryUrl: 'https://ca.example.com/dir', caFile: ca }

async function problems(acme: object): Promise<readonly string[]> {
  const result = await loadConfig({ file: file('certlocker.json', JSON.stringify({ acme })), environment: {} })
  return result.ok ? [] : result.error.map(({ place, problem }) => `${place} ${problem}`)
}

describe('certificate authorities', () => {
  test('that are in order start', async () => {
    const eab = { keyId: 'kid-1', hmacKeyFile: key }
    expect(
      await problems({
        issuers: [
          { ...right, eab },
          { ...right, name: 'theirs', profile: 'x' },
        ],
      }),
    ).toEqual([])
    expect(await problems({ issuers: [{ name: 'pebble', directoryUrl: 'http://127.0.0.1:14000/dir' }] })).toEqual([])
  })

  test.each<[string, object, string]>([
    ['a caFile that is not there', { caFile: absent }, 'acme.issuers[0].caFile names'],
    ['a caFile without certificates', { caFile: key }, 'acme.issuers[0].caFile names'],
    ['a MAC key that is not there', { eab: { keyId: 'k', hmacKeyFile: absent } }, 'acme.issuers[0].eab.hmacKeyFile'],
    ['a MAC key that is none', { eab: { keyId: 'k', hmacKeyFile: ca } }, 'does not hold a key in base64url'],
    ['a directory that anybody between could change', { directoryUrl: 'http://ca.example.com/dir' }, 'must be https'],
    ['a directory that is no URL', { directoryUrl: 'https://ca.example.com:99999/' }, 'is no URL'],
    ["the name of Vault's own", { name: 'vault-pki' }, 'acme.issuers[0].name is vault-pki'],
  ])('with %s do not, and say where', async (_, wrong, problem) => {
    const [found, ...others] = await problems({ issuers: [{ ...right, ...wrong }] })
    expect(found).toContain(problem)
    expect(others).toEqual([])
    expect(found).not.toContain('zWNDZM6e')
  })

  test('have a name each, and a file for the DNS service', async () => {
    expect(await problems({ issuers: [right, right] })).toEqual([
      'acme.issuers[1].name is ours, as that of another issuer',
    ])
    expect(await problems({ dns01: { provider: 'cloudflare', credentialsSecret: 'dns' } })).toEqual([])
    expect(await problems({ dns01: { provider: 'cloudflare' } })).toHaveLength(1)
    const both = { provider: 'cloudflare', credentialsFile: key, credentialsSecret: 'dns' }
    expect(await problems({ dns01: both })).toHaveLength(1)
    const dns01 = { provider: 'cloudflare', credentialsFile: absent }
    expect((await problems({ dns01 }))[0]).toContain('acme.dns01.credentialsFile names')
  })
})

test('a role of the PKI engine is nothing without the engine', async () => {
  const environment = { CERTLOCKER_VAULT__PKI_ROLE: 'edge' }
  expect(await loadConfig({ environment })).toMatchObject({ ok: false, error: [{ place: 'vault.pkiRole' }] })
  expect(await loadConfig({ environment: { ...environment, CERTLOCKER_VAULT__MOUNTS__PKI: 'pki' } })).toMatchObject({
    ok: true,
  })
})

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { say } from '../../support/fake-vault.ts'
import { openedVault } from '../../support/vault-sources.ts'

let directory: string
let address: string
const asked: string[] = []
const file = (name: string) => join(directory, name)
const server = createServer((request, response) => {
  asked.push(request.url ?? '')
  say(response, 200, { data: { ttl: 0, options: { version: '2' } } })
})

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vault-tls-'))
  const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file('key.pem')]
  await promisify(execFile)('openssl', ['req', '-x509', '-days', '2', ...key, '-out', file('cert.pem'), ...names])
  server.setSecureContext({ key: await readFile(file('key.pem')), cert: await readFile(file('cert.pem')) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const at = server.address()
  address = `https://127.0.0.1:${at !== null && typeof at === 'object' ? at.port : 0}`
})

afterAll(async () => {
  server.close()
  server.closeAllConnections()
  await rm(directory, { recursive: true })
})

test('a server that nobody vouches for is sent nothing, whatever the environment says', async () => {
  process.env['VAULT_SKIP_VERIFY'] = 'true'
  const vault = await openedVault(address)
  Reflect.deleteProperty(process.env, 'VAULT_SKIP_VERIFY')
  expect(await vault.source.check()).toEqual({ ok: false, detail: 'vault is unreachable' })
  expect(asked).toEqual([])
  await vault.close()
})

test('a server that vault.caFile vouches for is asked', async () => {
  const vault = await openedVault(address, { caFile: file('cert.pem') })
  expect(await vault.source.check()).toEqual({ ok: true, detail: 'vault' })
  await vault.close()
})

import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { faults } from '../../src/kernel/faults.ts'
import { findVaultTool } from '../components/openbao.ts'
import { startDevServer } from '../support/open-bao.ts'
import { blocksOf, type Reader, reader } from '../support/reader.ts'
import { type RealSshd, startSshd } from '../support/real-sshd.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

const page = 'docs/ssh.md'
let gateway: TestGateway
let sshd: RealSshd
let ana: Reader

beforeAll(async () => {
  gateway = await testGateway()
  const { body } = await gateway.api.get('/ssh-ca')
  const started = await startSshd({ trusted: String(body['publicKey']) })
  if (started === undefined) throw new Error('no OpenSSH server: npm run tools')
  sshd = started
  ana = await reader({ CERTLOCKER_URL: gateway.url, CERTLOCKER_API_KEY: gateway.adminKey })
})
afterAll(async () => {
  await ana?.leave()
  await gateway?.stop()
  await sshd?.stop()
})

/** The host of the test in the place of the reader's. */
const here = (script: string) =>
  script
    .replaceAll('edge-1.example.com', '127.0.0.1')
    .replaceAll(/(--port|-p) 22\b/gu, `$1 ${sshd.port}`)
    .replaceAll('--principals deploy', `--principals ${sshd.login}`)

test('docs/ssh.md leads from a fresh host to a session, its recording and its end', { timeout: 60_000 }, async () => {
  const scripts = (await blocksOf(page)).filter(({ language, name }) => language === 'sh' && name === '')
  const [trust, register, work, look, stop, ...rest] = scripts.map(({ text }) => here(text))
  expect(rest).toEqual([])
  await ana.run(trust ?? '')
  expect(await readFile(`${ana.folder}/certlocker-ca.pub`, 'utf8')).toMatch(/^ssh-ed25519 \S+ certlocker-ssh-ca\n$/u)
  await ana.run(register ?? '')
  expect(await ana.run(work ?? '')).toMatch(/Filesystem[^]*HOST[^]*edge-1/u)
  const seen = await ana.run(look ?? '')
  expect(seen).toMatch(/^status +ended$/mu)
  expect(seen).toContain('Filesystem')
  expect(seen).toContain('"command":"df /"')
  expect(await readFile(`${ana.folder}/session.cast`, 'utf8')).toContain('"version":3')
  expect(await ana.run(stop ?? '')).toContain('SSH SESSIONS CUT')
})

test('docs/ssh.md names codes that there are', async () => {
  const text = await readFile(page, 'utf8')
  const named = text.slice(text.indexOf('When something is wrong')).match(/`[A-Z]+_[A-Z_]+`/gu) ?? []
  expect(named.length).toBeGreaterThan(8)
  const known = [...Object.keys(faults), 'AI_AGENT_AUTH_FAILED']
  expect(named.filter((code) => !known.includes(code.slice(1, -1)))).toEqual([])
})

const server = await startDevServer('bao')
test.skipIf(server === undefined)('docs/ssh.md sets up a role that signs as the gateway asks', async () => {
  const bao = (await findVaultTool('bao'))?.path ?? ''
  ana.environment['PATH'] += `:${dirname(bao)}`
  Object.assign(ana.environment, { BAO_ADDR: server?.address, BAO_TOKEN: server?.rootToken })
  const [script] = (await blocksOf(page)).filter(({ name }) => name === 'vault')
  await ana.run(script?.text ?? '')
  const role = await server?.api('GET', 'ssh/roles/certlocker')
  expect(role?.['data']).toMatchObject({ key_type: 'ca', allowed_extensions: 'permit-pty', allowed_users: 'deploy' })
  await server?.stop()
})

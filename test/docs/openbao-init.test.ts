import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'

const cached = join(homedir(), '.cache/certlocker/tools/openbao-2.4.0')
const path = `${process.env['PATH'] ?? ''}${delimiter}${cached}`
const installed = path.split(delimiter).some((directory) => existsSync(join(directory, 'bao')))
let folder: string
let address: string
let server: ChildProcess

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certlocker-openbao-'))
  await mkdir(join(folder, 'login'))
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const port = (listener.address() as { readonly port: number }).port
  listener.close()
  await once(listener, 'close')
  address = `http://127.0.0.1:${port}`
  // The shipped configuration, at an address and in a folder of the test.
  const config = (await readFile('deploy/openbao.hcl', 'utf8'))
    .replace('0.0.0.0:8200', `127.0.0.1:${port}`)
    .replace('/openbao/file/data', join(folder, 'data'))
  await writeFile(join(folder, 'openbao.hcl'), config)
})
afterAll(async () => {
  if (installed) await stopServer()
  await rm(folder, { recursive: true, force: true })
})

const environment = () => ({ PATH: path, HOME: folder, BAO_ADDR: address })

async function startServer(): Promise<void> {
  server = spawn('bao', ['server', `-config=${join(folder, 'openbao.hcl')}`], { stdio: 'ignore', env: environment() })
  await until(async () => (await health()) !== 0)
}

async function stopServer(): Promise<void> {
  const gone = once(server, 'exit')
  server.kill()
  await gone
}

/** 200 unsealed, 501 never initialized, 503 sealed; 0 when nobody answers. */
const health = () =>
  fetch(`${address}/v1/sys/health`).then(
    ({ status }) => status,
    () => 0,
  )
const script = ['deploy/openbao-init.sh', () => join(folder, 'unseal.json'), () => join(folder, 'login')] as const
const init = (...mode: string[]) => [script[0], script[1](), script[2](), ...mode]
const login = (name: string) => readFile(join(folder, 'login', name), 'utf8')

async function call(method: string, place: string, token: string, body: object): Promise<number> {
  const headers = { 'X-Vault-Token': token }
  return (await fetch(`${address}/v1/${place}`, { method, headers, body: JSON.stringify(body) })).status
}

describe.skipIf(!installed)('deploy/openbao-init.sh', { timeout: 60_000 }, () => {
  test('sets up an empty OpenBao, so that the gateway may do what it needs and nothing else', async () => {
    await startServer()
    await promisify(execFile)('sh', init('once'), { env: environment() })
    const answer = await fetch(`${address}/v1/auth/approle/login`, {
      method: 'POST',
      body: JSON.stringify({ role_id: await login('role-id'), secret_id: await login('secret-id') }),
    })
    const { auth }: { readonly auth: { readonly client_token: string } } = JSON.parse(await answer.text())
    expect(await call('POST', 'secret/data/certlocker/login', auth.client_token, { data: { value: 'x' } })).toBe(200)
    expect(await call('POST', 'secret/data/other', auth.client_token, { data: { value: 'x' } })).toBe(403)
    expect((await stat(join(folder, 'unseal.json'))).mode & 0o777).toBe(0o600)
  })

  test('does it once, and unseals again after a restart', async () => {
    const before = await login('secret-id')
    await stopServer()
    await startServer()
    expect(await health()).toBe(503)
    const watch = spawn('sh', init(), { stdio: ['ignore', 'pipe', 'ignore'], env: environment() })
    expect(String(await once(watch.stdout, 'data'))).toBe('OpenBao is set up\n')
    expect(await health()).toBe(200)
    await stopServer()
    await startServer()
    await until(async () => (await health()) === 200)
    const ended = once(watch, 'exit')
    watch.kill()
    expect(await ended).toEqual([0, null])
    expect(await login('secret-id')).toBe(before)
  })
})

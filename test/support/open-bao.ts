import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findVaultTool } from '../components/openbao.ts'
import { freePort } from './free-port.ts'
import { until } from './until.ts'

/** A real server with everything in memory, unsealed, the KV engine (version 2) at `secret`. */
export interface DevServer {
  readonly address: string
  readonly rootToken: string
  /** One request with the root token. @throws when it is refused */
  api(method: string, path: string, body?: object): Promise<Record<string, unknown>>
  stop(): Promise<void>
}

const rootToken = 'root-token-of-a-test'

// The server ends with its input, so also when the test's process dies.
const SCRIPT = 'exec 3<&0; "$0" "$@" </dev/null & pid=$!; cat <&3 >/dev/null; kill "$pid"; wait "$pid"'

/** Starts OpenBao, or Vault. @returns undefined where that is not installed */
export async function startDevServer(command: 'bao' | 'vault'): Promise<DevServer | undefined> {
  const tool = await findVaultTool(command)
  if (tool === undefined) return undefined
  const home = await mkdtemp(join(tmpdir(), 'certlocker-bao-'))
  const port = await freePort()
  const flags = [
    '-dev',
    `-dev-root-token-id=${rootToken}`,
    `-dev-listen-address=127.0.0.1:${port}`,
    '-dev-no-store-token',
  ]
  const server = spawn('/bin/sh', ['-c', SCRIPT, tool.path, 'server', ...flags], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: process.env['PATH'], HOME: home },
  })
  const exited = once(server, 'exit')
  const address = `http://127.0.0.1:${port}`
  await until(() => isMounted(address))
  return {
    address,
    rootToken,
    api: (method, path, body) => api(address, method, path, body),
    async stop() {
      server.stdin.end()
      await exited
      await rm(home, { recursive: true, force: true })
    },
  }
}

async function isMounted(address: string): Promise<boolean> {
  try {
    const { options } = await api(address, 'GET', 'sys/mounts/secret')
    return JSON.stringify(options ?? '').includes('"2"')
  } catch {
    return false
  }
}

async function api(address: string, method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const answer = await fetch(`${address}/v1/${path}`, {
    method,
    headers: { 'X-Vault-Token': rootToken },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
  return text === '' ? {} : JSON.parse(text)
}

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { goTools, obtainGoTool } from '../components/go-tool.ts'
import { exercised } from './components.ts'
import { freePort } from './free-port.ts'
import { until } from './until.ts'

/** A real OCI registry on loopback, to which the real `oras` pushes. */
export interface OciRegistry {
  /** Host and port. */
  readonly host: string
  /** Pushes a file as a bundle. @param layerType what `oras` says itself when left out */
  push(reference: string, bytes: Uint8Array, layerType?: string): Promise<void>
  stop(): Promise<void>
}

// A server ends with its input, so also when the test's process dies.
const SCRIPT = 'exec 3<&0; "$0" "$@" </dev/null & pid=$!; cat <&3 >/dev/null; kill "$pid"; wait "$pid"'

/** A registry that speaks TLS, and to who has the password only. */
export interface RegistryGuard {
  readonly cert: string
  readonly key: string
  readonly user: string
  readonly password: string
  /** bcrypt, as htpasswd files have it. */
  readonly passwordHash: string
}

/** @returns undefined where the registry or `oras` cannot be had */
export async function startRegistry(guard?: RegistryGuard): Promise<OciRegistry | undefined> {
  const [registry, oras] = [await obtainGoTool(goTools.registry), await obtainGoTool(goTools.oras)]
  if (typeof registry === 'string' || typeof oras === 'string') return undefined
  const home = await mkdtemp(join(tmpdir(), 'certlocker-registry-'))
  const host = `127.0.0.1:${await freePort()}`
  const config = {
    version: '0.1',
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(home, 'data') } },
    http: { addr: host, ...(guard && { tls: { certificate: join(home, 'cert.pem'), key: join(home, 'key.pem') } }) },
    ...(guard && { auth: { htpasswd: { realm: 'policies', path: join(home, 'htpasswd') } } }),
  }
  if (guard !== undefined) {
    await writeFile(join(home, 'cert.pem'), guard.cert)
    await writeFile(join(home, 'key.pem'), guard.key)
    await writeFile(join(home, 'htpasswd'), `${guard.user}:${guard.passwordHash}\n`)
  }
  await writeFile(join(home, 'registry.json'), JSON.stringify(config))
  const environment = { PATH: process.env['PATH'], HOME: home, OTEL_TRACES_EXPORTER: 'none' }
  const server = spawn('/bin/sh', ['-c', SCRIPT, registry.path, 'serve', join(home, 'registry.json')], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: environment,
  })
  const exited = once(server, 'exit')
  await until(() => listens(host))
  exercised('registry')
  const access =
    guard === undefined
      ? ['--plain-http']
      : ['--ca-file', join(home, 'cert.pem'), '--username', guard.user, '--password', guard.password]
  return {
    host,
    async push(reference, bytes, layerType) {
      await writeFile(join(home, 'bundle.tar.gz'), bytes)
      const file = layerType === undefined ? 'bundle.tar.gz' : `bundle.tar.gz:${layerType}`
      const flags = ['push', ...access, `${host}/${reference}`, file]
      await promisify(execFile)(oras.path, flags, { cwd: home, env: environment })
      exercised('oras')
    },
    async stop() {
      server.stdin.end()
      await exited
      await rm(home, { recursive: true, force: true })
    },
  }
}

async function listens(host: string): Promise<boolean> {
  const { hostname, port } = new URL(`http://${host}`)
  const socket = connect(Number(port), hostname)
  return once(socket, 'connect').then(
    () => socket.destroy() !== undefined,
    () => false,
  )
}

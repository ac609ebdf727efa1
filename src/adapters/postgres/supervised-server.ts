import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../../kernel/log.ts'
import { EmbeddedClusterError } from './embedded-cluster-error.ts'
import { explainFailure } from './explain-failure.ts'
import type { RunAs } from './run-as.ts'
import { serverLock } from './stale-lock.ts'

const POLL_MS = 5
const READY_MAX_MS = 60_000
const ATTEMPTS_MAX = 5
const TAIL_CHARACTERS = 4_000

/**
 * The shell keeps our pipe as descriptor 3. However we die, the pipe closes, `read` returns and PostgreSQL gets SIGINT, its
 * fast shutdown: no handlers in this process, nothing left behind after SIGKILL.
 */
const SUPERVISE =
  'exec 3<&0; "$@" </dev/null 3<&- & server=$!; (read -r _ <&3; kill -INT $server) 2>/dev/null & watch=$!; ' +
  'wait $server; code=$?; kill $watch 2>/dev/null; exit $code'

export interface SupervisedServer {
  readonly pid: number
  readonly port: number
  /** Fast shutdown: open transactions are rolled back, everything committed is on disk. */
  readonly stop: () => Promise<void>
}

export interface ServerOptions {
  readonly postgres: string
  readonly dataDirectory: string
  readonly runAs: RunAs
  readonly durable: boolean
  readonly log: Log
}

/**
 * Starts PostgreSQL on a free port of 127.0.0.1; it ends with this process.
 * @throws EmbeddedClusterError with the last lines of its log when it refuses
 */
export async function startSupervisedServer(options: ServerOptions): Promise<SupervisedServer> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    const server = launch(options, port)
    const pid = await readiness(server, port, options.dataDirectory)
    if (pid !== undefined) return { pid, port, stop: () => stop(server) }
    // A port may be taken between choosing and using it; the memory of a server that was just killed goes a moment later.
    const passing = /Address already in use|shared memory block .* is still in use/.test(server.tail)
    if (!passing || attempt === ATTEMPTS_MAX)
      throw new EmbeddedClusterError(explainFailure(options.dataDirectory, server.tail))
    await delay(100 * attempt)
  }
}

interface Running {
  readonly process: ChildProcessByStdio<Writable, null, Readable>
  tail: string
  ended: boolean
  stopping: boolean
}

function launch({ postgres, dataDirectory, runAs, durable, log }: ServerOptions, port: number): Running {
  const command = [...runAs.prefix, '/bin/sh', '-c', SUPERVISE, 'certlocker-postgres', postgres, '-D', dataDirectory]
  const child = spawn(command[0] ?? '', [...command.slice(1), ...settings(port, durable)], {
    ...runAs.user,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
    env: { LC_ALL: 'C', TZ: 'UTC' },
  })
  const running: Running = { process: child, tail: '', ended: false, stopping: false }
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    running.tail = (running.tail + text).slice(-TAIL_CHARACTERS)
    if (running.stopping) return
    for (const line of text.split('\n').filter((line) => /^(FATAL|PANIC):/.test(line)))
      log.warn('embedded database', { line })
  })
  child.stdin.on('error', () => undefined)
  child.on('error', (error) => {
    running.tail += error.message
    running.ended = true
  })
  child.on('exit', (code, signal) => {
    running.ended = true
    if (!running.stopping) log.error('the embedded database has ended', { code, signal })
  })
  return running
}

/** Errors of statements stay out of the server's log: the client has them, and their details carry row values. */
function settings(port: number, durable: boolean): string[] {
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    logging_collector: 'off',
    log_min_messages: 'log',
    log_line_prefix: '',
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** @returns the server's process id once it takes connections, or undefined when it has ended instead */
async function readiness(server: Running, port: number, dataDirectory: string): Promise<number | undefined> {
  const since = performance.now()
  while (!server.ended) {
    const lock = serverLock(dataDirectory)
    if (lock?.status === 'ready' && lock.port === port) return lock.pid
    if (performance.now() - since > READY_MAX_MS) {
      await stop(server)
      return undefined
    }
    await delay(POLL_MS)
  }
  return undefined
}

async function stop(server: Running): Promise<void> {
  server.stopping = true
  server.process.stdin.end()
  if (!server.ended) await once(server.process, 'exit')
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new TypeError('a TCP listener has a port')
  return address.port
}

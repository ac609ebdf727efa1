import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { EmbeddedClusterError } from './embedded-cluster-error.ts'

const POLL_MS = 20
/** A server whose gateway was killed says within milliseconds that it is stopping; one that does not is another gateway's. */
const REFUSE_AFTER_MS = 2_000
/** A stopping server writes its last checkpoint first. */
const STOPPING_MAX_MS = 30_000

export interface ServerLock {
  readonly pid: number
  readonly port: number
  /** `starting`, `ready`, `stopping`; empty right after creation. */
  readonly status: string
}

/** What `postmaster.pid` says (PostgreSQL's miscadmin.h: line 1 is the process id, 4 the port, 8 the status), if it is there. */
export function serverLock(dataDirectory: string): ServerLock | undefined {
  try {
    const lines = readFileSync(lockFile(dataDirectory), 'utf8').split('\n')
    return { pid: Number(lines[0]), port: Number(lines[3]), status: lines[7]?.trim() ?? '' }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Sees to it that nobody holds the data directory. A server that is stopping is waited for; the lock of a dead one is removed
 * where PostgreSQL itself would not dare: when its process id now belongs to another process, or to an unreaped dead one.
 * @throws EmbeddedClusterError when a live server holds it
 */
export async function clearStaleLock(dataDirectory: string): Promise<void> {
  const since = performance.now()
  for (;;) {
    const lock = serverLock(dataDirectory)
    if (lock === undefined) return
    if (!isServerOf(dataDirectory, lock.pid)) {
      if (serverLock(dataDirectory)?.pid === lock.pid) rmSync(lockFile(dataDirectory), { force: true })
      return
    }
    const waited = performance.now() - since
    if (waited > (lock.status === 'stopping' ? STOPPING_MAX_MS : REFUSE_AFTER_MS)) throw inUse(dataDirectory, lock.pid)
    await delay(POLL_MS)
  }
}

function lockFile(dataDirectory: string): string {
  return join(dataDirectory, 'postmaster.pid')
}

/** A server's working directory is its data directory, by whatever path it was named. */
function isServerOf(dataDirectory: string, pid: number): boolean {
  try {
    if (process.platform !== 'linux') return commandOf(pid).includes(dataDirectory)
    const directory = statSync(dataDirectory)
    const working = statSync(`/proc/${pid}/cwd`)
    return working.dev === directory.dev && working.ino === directory.ino
  } catch {
    return false
  }
}

function commandOf(pid: number): string {
  return execFileSync('/bin/ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
}

function inUse(dataDirectory: string, pid: number): EmbeddedClusterError {
  return new EmbeddedClusterError(
    `the embedded database in ${dataDirectory} is in use by process ${pid}: ` +
      'another gateway runs on the same dataDir. Stop that one, or give this one a dataDir of its own',
  )
}

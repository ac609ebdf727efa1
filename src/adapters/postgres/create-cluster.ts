import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Secret } from '../../kernel/secret.ts'
import { EmbeddedClusterError } from './embedded-cluster-error.ts'
import { explainFailure } from './explain-failure.ts'
import type { RunAs } from './run-as.ts'

const PASSWORD_BYTES = 32
const PASSWORD_FILE = 'certlocker-superuser.password'
const INITDB_MAX_MS = 120_000
const STAGE = '.new-'

export interface NewCluster {
  readonly initdb: string
  readonly dataDirectory: string
  readonly runAs: RunAs
  readonly durable: boolean
}

/** True once `createCluster` came to its end there. */
export function clusterExists(dataDirectory: string): boolean {
  return existsSync(join(dataDirectory, 'PG_VERSION'))
}

/**
 * Makes a data directory whose superuser `postgres` has a fresh random password, kept inside it in a file of mode 0600. It
 * appears under its name only when it is whole; of two creators at once, both end up with the same one.
 * @throws EmbeddedClusterError with initdb's last words
 */
export async function createCluster({ initdb, dataDirectory, runAs, durable }: NewCluster): Promise<void> {
  removeLeftovers(dataDirectory)
  const stage = mkdtempSync(`${dataDirectory}${STAGE}`)
  const data = join(stage, 'data')
  const password = join(stage, 'password')
  const give = (path: string) => runAs.user && chownSync(path, runAs.user.uid, runAs.user.gid)
  try {
    writeFileSync(password, randomBytes(PASSWORD_BYTES).toString('base64url'), { mode: 0o600, flush: durable })
    mkdirSync(data, { mode: 0o700 })
    for (const path of [stage, password, data]) give(path)
    await runInitdb(initdb, ['-D', data, `--pwfile=${password}`, ...initdbOptions(durable)], runAs, dataDirectory)
    renameSync(password, join(data, PASSWORD_FILE))
    publish(data, dataDirectory)
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

/** @throws EmbeddedClusterError when the file that `createCluster` wrote is gone */
export function superuserPassword(dataDirectory: string): Secret<string> {
  const file = join(dataDirectory, PASSWORD_FILE)
  if (existsSync(file)) return new Secret(readFileSync(file, 'utf8').trim())
  throw new EmbeddedClusterError(
    `the embedded database's password file ${file} is missing: restore it, or the whole folder`,
  )
}

function initdbOptions(durable: boolean): string[] {
  const locale = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--encoding=UTF8']
  return [
    '--username=postgres',
    '--auth=scram-sha-256',
    ...locale,
    ...(durable ? [] : ['--no-sync', '--no-data-checksums']),
  ]
}

async function runInitdb(
  initdb: string,
  options: readonly string[],
  runAs: RunAs,
  dataDirectory: string,
): Promise<void> {
  const [command = '', ...prefixed] = [...runAs.prefix, initdb, ...options]
  try {
    await promisify(execFile)(command, prefixed, {
      ...runAs.user,
      cwd: '/',
      env: { LC_ALL: 'C', TZ: 'UTC' },
      timeout: INITDB_MAX_MS,
    })
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new EmbeddedClusterError(explainFailure(dataDirectory, said), { cause })
  }
}

/** Of creators that were killed. A younger one may still be at work. */
function removeLeftovers(dataDirectory: string): void {
  const folder = dirname(dataDirectory)
  for (const name of readdirSync(folder).filter((name) => name.startsWith(`${basename(dataDirectory)}${STAGE}`))) {
    const leftover = join(folder, name)
    const ageMs = Date.now() - (statSync(leftover, { throwIfNoEntry: false })?.mtimeMs ?? 0)
    if (ageMs > 2 * INITDB_MAX_MS) rmSync(leftover, { recursive: true, force: true })
  }
}

function publish(data: string, dataDirectory: string): void {
  try {
    renameSync(data, dataDirectory)
  } catch (cause) {
    if (clusterExists(dataDirectory)) return
    throw new EmbeddedClusterError(
      `${dataDirectory} is not empty and holds no embedded database: move it away, or choose another dataDir`,
      { cause },
    )
  }
  const parent = openSync(dirname(dataDirectory), 'r')
  try {
    fsyncSync(parent)
  } finally {
    closeSync(parent)
  }
}

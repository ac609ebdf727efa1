import { chmodSync, mkdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import pg from 'pg'
import { FaultError, fault } from '../../kernel/fault.ts'
import type { Log } from '../../kernel/log.ts'
import type { Secret } from '../../kernel/secret.ts'
import { clusterExists, createCluster, superuserPassword } from './create-cluster.ts'
import { embeddedBinaries } from './embedded-binaries.ts'
import { chooseRunAs } from './run-as.ts'
import { clearStaleLock, serverLock } from './stale-lock.ts'
import { startSupervisedServer } from './supervised-server.ts'

const DATABASE = 'certlocker'
const MAINTENANCE_DATABASE = 'postgres'
const SUPERUSER = 'postgres'
const CONNECT_TIMEOUT_MS = 5_000

export interface DatabaseConnection {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: Secret<string>
  readonly database: string
}

export interface EmbeddedCluster {
  readonly connection: DatabaseConnection
  /** The process id of PostgreSQL's first process. */
  readonly pid: number
  readonly stop: () => Promise<void>
}

export interface EmbeddedClusterOptions {
  /** The folder that is the cluster's own; made when missing. The data lie in its subfolder `data`. */
  readonly directory: string
  readonly log: Log
  /** False for throw-away data only: nothing is flushed to disk. */
  readonly durable?: boolean
}

/**
 * Starts the PostgreSQL that came with `npm ci` on a folder, creating cluster and database `certlocker` at the first start.
 * It listens on a free loopback port and ends with this process, however that ends; one server at a time holds a folder.
 * @throws EmbeddedClusterError saying what stands in the way and what to do about it
 */
export async function startEmbeddedCluster({
  directory,
  log,
  durable = true,
}: EmbeddedClusterOptions): Promise<EmbeddedCluster> {
  const { initdb, postgres } = embeddedBinaries()
  const folder = ownFolder(directory)
  const dataDirectory = join(folder, 'data')
  const runAs = chooseRunAs(dataDirectory, [postgres, folder])
  if (!clusterExists(dataDirectory)) await createCluster({ initdb, dataDirectory, runAs, durable })
  await clearStaleLock(dataDirectory)
  const password = superuserPassword(dataDirectory)
  const { pid, port, stop } = await startSupervisedServer({ postgres, dataDirectory, runAs, durable, log })
  const connection = { host: '127.0.0.1', port, user: SUPERUSER, password, database: DATABASE }
  try {
    await ensureDatabase(connection)
  } catch (error) {
    await stop()
    throw error
  }
  return { connection, pid, stop }
}

/**
 * The way into a cluster that a gateway runs at this moment.
 * @returns undefined when it does not run
 * @throws FaultError CONFIGURATION_INVALID when there is none in that folder
 */
export async function attachToCluster(directory: string): Promise<DatabaseConnection | undefined> {
  const dataDirectory = join(resolve(directory), 'data')
  if (!clusterExists(dataDirectory))
    throw new FaultError(
      fault('CONFIGURATION_INVALID', {
        message: `There is no embedded database in ${directory}: check dataDir and database.url`,
      }),
    )
  const lock = serverLock(dataDirectory)
  if (lock?.status !== 'ready') return undefined
  const password = superuserPassword(dataDirectory)
  const connection = { host: '127.0.0.1', port: lock.port, user: SUPERUSER, password, database: DATABASE }
  try {
    await ensureDatabase(connection)
    return connection
  } catch {
    return undefined
  }
}

/** Folders made here stay open to pass through for the user that runs PostgreSQL when we are root, whatever the umask. */
function ownFolder(directory: string): string {
  const path = resolve(directory)
  const outermost = mkdirSync(path, { recursive: true })
  if (outermost !== undefined && process.getuid?.() === 0) {
    for (let made = path; made.length >= outermost.length; made = dirname(made))
      chmodSync(made, statSync(made).mode | 0o111)
  }
  return realpathSync(path)
}

async function ensureDatabase(connection: DatabaseConnection): Promise<void> {
  const client = new pg.Client({
    ...connection,
    database: MAINTENANCE_DATABASE,
    password: connection.password.expose(),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  })
  client.on('error', () => undefined)
  await client.connect()
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`)
  } finally {
    await client.end()
  }
}

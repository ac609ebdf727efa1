import { type Knex, knex } from 'knex'
import type { Client } from 'pg'
import type { Log } from '../../kernel/log.ts'
import type { Secret } from '../../kernel/secret.ts'
import { withoutValues } from './database-fault.ts'
import type { DatabaseConnection } from './embedded-cluster.ts'

const CONNECT_TIMEOUT_MS = 5_000
const QUERY_TIMEOUT_MS = 5_000
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000
/** The server gives up this much earlier than we do: then the connection lives on and no statement runs on unheard. */
const SERVER_HEAD_START = 0.9

/** `url` is a libpq connection URI (PostgreSQL 34.1.1.2), `connection` an embedded cluster's. */
export type DatabaseAddress = { readonly url: Secret<string> } | { readonly connection: DatabaseConnection }

export type DatabaseOptions = DatabaseAddress & {
  readonly poolMax: number
  /** What the server shows in `pg_stat_activity`. */
  readonly applicationName: string
  readonly log: Log
  /** A statement that is not answered in this time has failed, and its connection is given up. Default 5 s. */
  readonly queryTimeoutMs?: number
}

export interface Database {
  readonly knex: Knex
  /** Waits for statements that are under way, then closes the connections. */
  close(): Promise<void>
}

/**
 * A pool of connections. Nothing is connected before the first statement, and a broken connection is replaced at the next.
 * A commit is on disk before it is answered. A server that is silent counts as away: see `databaseFault`.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const { poolMax, log } = options
  const connections = new Map<string, Client>()
  const database = knex({
    client: 'pg',
    // Any supported version: knex asks the server only to tell apart those before 9.2.
    version: '14',
    connection: connectionSettings(options),
    acquireConnectionTimeout: CONNECT_TIMEOUT_MS,
    // Otherwise knex writes the bound values into the messages of errors.
    compileSqlOnError: false,
    pool: {
      min: 0,
      max: poolMax,
      afterCreate: (
        connection: Client & { __knexUid: string },
        done: (error: undefined, connection: Client) => void,
      ) => {
        connections.set(connection.__knexUid, connection)
        connection.once('end', () => connections.delete(connection.__knexUid))
        done(undefined, connection)
      },
    },
    log: {
      debug: () => undefined,
      deprecate: (method) => log.warn('deprecated use of knex', { method }),
      warn: (message: unknown) => log.warn('database pool', { text: String(message) }),
      error: (message: unknown) => log.error('database pool', { text: String(message) }),
    },
  })
  database.on('query-error', (error: Error, query: { readonly __knexUid: string }) => {
    // The answer may still come, to whoever used the connection next.
    if (error.message.endsWith('Query read timeout')) void connections.get(query.__knexUid)?.end()
    withoutValues(error)
  })
  return { knex: database, close: () => database.destroy() }
}

function connectionSettings(options: DatabaseOptions): object {
  const queryTimeoutMs = options.queryTimeoutMs ?? QUERY_TIMEOUT_MS
  const { address, serverOptions } = 'url' in options ? addressOfUrl(options.url) : addressOf(options.connection)
  return {
    ...address,
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: queryTimeoutMs,
    statement_timeout: Math.floor(queryTimeoutMs * SERVER_HEAD_START),
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    keepAlive: true,
    // Last, so that no other setting of the address, the role or the database weakens what a commit promises.
    options: `${serverOptions} -c synchronous_commit=on`.trim(),
  }
}

function addressOf({ password, ...rest }: DatabaseConnection): { address: object; serverOptions: string } {
  return { address: { ...rest, password: password.expose() }, serverOptions: '' }
}

/** The driver lets options of the address win over ours, so they are taken out and put in front of ours. */
function addressOfUrl(url: Secret<string>): { address: object; serverOptions: string } {
  const parsed = new URL(url.expose())
  const serverOptions = parsed.searchParams.get('options') ?? ''
  parsed.searchParams.delete('options')
  return { address: { connectionString: parsed.href }, serverOptions }
}

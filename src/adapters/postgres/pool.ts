import type { Knex } from 'knex'
import knexModule from 'knex'
import type { Client } from 'pg'
import type { Log } from '../../kernel/log.ts'
import { type ConnectionOptions, connectionSettings, defaultTimeoutMs } from './connection-settings.ts'
import { withoutValues } from './database-fault.ts'

export type DatabaseOptions = ConnectionOptions & {
  readonly poolMax: number
  readonly log: Log
}

export interface Database {
  readonly knex: Knex
  /** Connections of the pool at this moment, and requests that wait for one. */
  readonly connections: () => { readonly used: number; readonly free: number; readonly waiting: number }
  /** Waits for statements that are under way, then closes the connections. */
  readonly close: () => Promise<void>
}

/** Of tarn, knex's pool. */
interface PoolCounts {
  numUsed(): number
  numFree(): number
  numPendingAcquires(): number
}

/**
 * A pool of connections. Nothing is connected before the first statement, and a broken connection is replaced at the next.
 * A commit is on disk before it is answered. A server that is silent counts as away: see `databaseFault`.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const { poolMax, log, timeoutMs = defaultTimeoutMs } = options
  const connections = new Map<string, Client>()
  const database = knexModule.knex({
    client: 'pg',
    // Any supported version: knex asks the server only to tell apart those before 9.2.
    version: '14',
    connection: connectionSettings(options) as Knex.StaticConnectionConfig,
    acquireConnectionTimeout: timeoutMs,
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
      validate: ({ connection }: Client) => !connection.stream.destroyed,
    },
    log: {
      debug: () => undefined,
      deprecate: (method) => log.warn('deprecated use of knex', { method }),
      warn: (message: unknown) => log.warn('database pool', { text: firstLine(message) }),
      error: (message: unknown) => log.error('database pool', { text: firstLine(message) }),
    },
  })
  database.on('query-error', (error: Error, query: { readonly __knexUid: string }) => {
    // The answer may still come, to whoever used the connection next.
    if (error.message.endsWith('Query read timeout')) connections.get(query.__knexUid)?.connection.stream.destroy()
    withoutValues(error)
  })
  const { pool } = database.client as { pool: PoolCounts }
  return {
    knex: database,
    connections: () => ({ used: pool.numUsed(), free: pool.numFree(), waiting: pool.numPendingAcquires() }),
    close: () => database.destroy(),
  }
}

/** The pool writes the stack of an error behind its message. */
function firstLine(message: unknown): string {
  return String(message).split('\n', 1)[0] ?? ''
}

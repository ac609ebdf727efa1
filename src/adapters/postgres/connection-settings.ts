import type { ClientConfig } from 'pg'
import type { Secret } from '../../kernel/secret.ts'
import type { DatabaseConnection } from './embedded-cluster.ts'

/** A server that is silent for so long counts as away. */
export const defaultTimeoutMs = 5_000
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000
/** The server gives up this much earlier than we do: then the connection lives on and no statement runs on unheard. */
const SERVER_HEAD_START = 0.9

/** `url` is a libpq connection URI (PostgreSQL 34.1.1.2), `connection` an embedded cluster's. */
export type DatabaseAddress = { readonly url: Secret<string> } | { readonly connection: DatabaseConnection }

export type ConnectionOptions = DatabaseAddress & {
  /** What the server shows in `pg_stat_activity`. */
  readonly applicationName: string
  /** How long an answer, a connection or a place in the pool is waited for, each; default 5 s. */
  readonly timeoutMs?: number
}

/** The driver's settings. A commit is on disk before it is answered; whatever takes too long fails. */
export function connectionSettings(options: ConnectionOptions): ClientConfig {
  const { timeoutMs = defaultTimeoutMs } = options
  const { address, serverOptions } = 'url' in options ? addressOfUrl(options.url) : addressOf(options.connection)
  return {
    ...address,
    application_name: options.applicationName,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    statement_timeout: Math.floor(timeoutMs * SERVER_HEAD_START),
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    keepAlive: true,
    // Last, so that no other setting of the address, the role or the database weakens what a commit promises.
    options: `${serverOptions} -c synchronous_commit=on`.trim(),
  }
}

function addressOf({ password, ...rest }: DatabaseConnection): { address: ClientConfig; serverOptions: string } {
  return { address: { ...rest, password: password.expose() }, serverOptions: '' }
}

/** The driver lets options of the address win over ours, so they are taken out and put in front of ours. */
function addressOfUrl(url: Secret<string>): { address: ClientConfig; serverOptions: string } {
  const parsed = new URL(url.expose())
  const serverOptions = parsed.searchParams.get('options') ?? ''
  parsed.searchParams.delete('options')
  return { address: { connectionString: parsed.href }, serverOptions }
}

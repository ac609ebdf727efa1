import { type Fault, FaultError, fault } from '../../kernel/fault.ts'
import type { Log } from '../../kernel/log.ts'
import type { Secret } from '../../kernel/secret.ts'
import { databaseFault, describedError } from './database-fault.ts'
import { openConnection } from './open-connection.ts'
import { plaintextHost } from './plaintext-host.ts'

/**
 * Connects once to the external database. Warns when that is over a network without TLS.
 * @throws FaultError that names place and remedy: DATABASE_UNAVAILABLE when no server answers, CONFIGURATION_INVALID when
 * one does and refuses
 */
export async function reachDatabase(url: Secret<string>, log: Log): Promise<void> {
  const host = plaintextHost(url)
  if (host !== undefined)
    log.warn('the database is used without TLS: password and data cross the network in the clear', {
      host,
      remedy: 'add sslmode=verify-full (and sslrootcert=FILE for an own CA) to database.url',
    })
  try {
    const connection = await openConnection({ url, applicationName: 'certlocker-start' })
    await connection.end()
  } catch (error) {
    throw new FaultError(unreachable(new URL(url.expose()), error))
  }
}

function unreachable(url: URL, error: unknown): Fault {
  const { state, message } = describedError(error)
  const server = `PostgreSQL at ${url.hostname || 'the local socket'}:${url.port || '5432'}`
  const setting = 'database.url (CERTLOCKER_DATABASE__URL or DATABASE_URL)'
  const refused = (problem: string, remedy: string) =>
    fault('CONFIGURATION_INVALID', { message: `${server} ${problem}: ${remedy}`, cause: error })
  if (state.startsWith('28'))
    return refused(
      `refuses user ${decodeURIComponent(url.username)} (${state})`,
      `correct user and password in ${setting}, or let the user in (pg_hba.conf)`,
    )
  if (state === '3D000')
    return refused(
      `has no database ${decodeURIComponent(url.pathname.slice(1))}`,
      `create it (CREATE DATABASE), or correct ${setting}`,
    )
  if (/SSL|TLS|certificate|_SIGNED_CERT|_SIGNATURE/.test(`${state} ${message}`))
    return refused(
      `and this gateway do not agree on TLS (${state || message})`,
      `correct sslmode and sslrootcert in ${setting}`,
    )
  return fault('DATABASE_UNAVAILABLE', {
    message: `No answer from ${server} (${databaseFault(error).detail || 'it is no PostgreSQL'}): start it and let this machine reach it, or correct ${setting}`,
    cause: error,
  })
}

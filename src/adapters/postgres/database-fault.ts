import { type Fault, FaultError, fault } from '../../kernel/fault.ts'

/** Node's words for a server that is not there. */
const CONNECTION_ERRORS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EPIPE',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])

/** The driver's and the pool's words for the same; they carry no code. */
const CONNECTION_MESSAGES =
  /Query read timeout|timeout expired|Timeout acquiring a connection|Connection terminated|is not queryable|Connection ended|Unable to acquire a connection|^aborted$/

/**
 * PostgreSQL's (appendix A): connection exception, insufficient resources, operator intervention and system error; wrong
 * credentials and a missing database; a server that turned read-only; an overlong idle transaction, a given-up conflict.
 */
const UNAVAILABLE_STATES = /^(?:08|53|57|58|28|3D000|25006|25P03|40001|40P01)/

/**
 * What a driver's error means to a caller. The message never holds a value: neither SQL nor the driver's text is used.
 * Anything that is no condition of the database, our own bugs included, is INTERNAL. `cause` is the error itself.
 */
export function databaseFault(error: unknown): Fault {
  if (error instanceof FaultError) return error.fault
  if (error instanceof Error) withoutValues(error)
  const { state, constraint, message } = describedError(error)
  if (state === '23505') return fault('NAME_TAKEN', { detail: constraint, cause: error })
  if (state === '23503') return fault('REFERENCE_UNKNOWN', { detail: constraint, cause: error })
  if (
    isSqlState(state)
      ? UNAVAILABLE_STATES.test(state)
      : CONNECTION_ERRORS.has(state) || CONNECTION_MESSAGES.test(message)
  ) {
    return fault('DATABASE_UNAVAILABLE', { detail: state === '' ? 'no answer' : state, cause: error })
  }
  return fault('INTERNAL', { detail: [state, constraint].filter(Boolean).join(' '), cause: error })
}

/** The properties in which PostgreSQL and knex quote values of rows and parameters. */
const QUOTING_PROPERTIES = ['detail', 'where', 'internalQuery', 'bindings']
const DATA_EXCEPTION = /^22/

/** Takes out of an error what quotes values, so that it may be logged. The SQL in its message has placeholders. */
export function withoutValues(error: Error): void {
  for (const name of QUOTING_PROPERTIES) Reflect.deleteProperty(error, name)
  const state = text(error, 'code')
  if (isSqlState(state) && DATA_EXCEPTION.test(state)) error.message = `a value does not fit its type (${state})`
}

/** True when the same transaction, begun anew, may well succeed: a serialization failure or a deadlock. */
export function isTransactionConflict(error: unknown): boolean {
  const { state } = describedError(error)
  return state === '40001' || state === '40P01'
}

/** What kind of error it is: a SQLSTATE or Node's word for it. Its message may quote values. */
export function describedError(error: unknown): {
  readonly state: string
  readonly constraint: string
  readonly message: string
} {
  if (!(error instanceof Error)) return { state: '', constraint: '', message: '' }
  // Node tries every address of a name and wraps the failures: their first says what is wrong.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const told = first instanceof Error ? first : error
  return { state: text(told, 'code'), constraint: text(told, 'constraint'), message: told.message }
}

function text(error: Error, name: 'code' | 'constraint'): string {
  const value: unknown = Reflect.get(error, name)
  return typeof value === 'string' ? value : ''
}

function isSqlState(state: string): boolean {
  return /^[0-9A-Z]{5}$/.test(state) && !CONNECTION_ERRORS.has(state)
}

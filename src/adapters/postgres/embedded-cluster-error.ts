import { FaultError, fault } from '../../kernel/fault.ts'

/** The embedded database cannot be had. The message says what stands in the way and what the operator can do about it. */
export class EmbeddedClusterError extends FaultError {
  constructor(message: string, { cause }: ErrorOptions = {}) {
    super(fault('DATABASE_UNAVAILABLE', { message, cause }))
    this.name = 'EmbeddedClusterError'
  }
}

/** What an operator who cannot repair the embedded database can always do. */
export const useExternalDatabase = 'or set database.url to a PostgreSQL server of your own'

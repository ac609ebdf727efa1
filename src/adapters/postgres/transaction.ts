import type { Knex } from 'knex'
import { FaultError } from '../../kernel/fault.ts'
import { databaseFault, isTransactionConflict } from './database-fault.ts'

const ATTEMPTS_MAX = 4

/**
 * Runs the work in one transaction: commits when it resolves, rolls back when it rejects. After a serialization failure or a
 * deadlock the work is run anew, a few times at most, so it must do nothing outside the transaction.
 * @throws FaultError for a condition of the database and what the work itself refuses; bugs as they are
 */
export async function transaction<T>(knex: Knex, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await knex.transaction(work)
    } catch (error) {
      if (isTransactionConflict(error) && attempt < ATTEMPTS_MAX) continue
      const fault = databaseFault(error)
      throw fault.code === 'INTERNAL' || error instanceof FaultError ? error : new FaultError(fault)
    }
  }
}

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { transaction } from '../../../src/adapters/postgres/transaction.ts'
import { FaultError, fault } from '../../../src/kernel/fault.ts'
import { emptyDatabase, type TestDatabase } from '../../support/database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await emptyDatabase()
  await database.knex.raw('CREATE TABLE shelf (name text CONSTRAINT shelf_name_key UNIQUE, size integer)')
  await database.knex('shelf').insert([
    { name: 'left', size: 0 },
    { name: 'right', size: 0 },
  ])
})
afterAll(() => database.drop())

const names = () => database.knex('shelf').orderBy('name').pluck('name')

describe('a transaction', () => {
  test('commits what its work did, and gives back its result', async () => {
    const result = await transaction(database.knex, async (trx) => {
      await trx('shelf').insert({ name: 'committed' })
      return 7
    })
    expect(result).toBe(7)
    expect(await names()).toContain('committed')
  })

  test.each([
    ['a refusal', new FaultError(fault('STATE_CONFLICT'))],
    ['a bug', new TypeError('not a function')],
  ])('rolls back and passes on %s of its work untouched', async (_, error) => {
    const work = transaction(database.knex, async (trx) => {
      await trx('shelf').insert({ name: 'rolled back' })
      throw error
    })
    await expect(work).rejects.toBe(error)
    expect(await names()).not.toContain('rolled back')
  })

  test('turns an error of the database into a fault', async () => {
    const work = transaction(database.knex, (trx) => trx('shelf').insert([{ name: 'twice' }, { name: 'twice' }]))
    await expect(work).rejects.toMatchObject({
      name: 'FaultError',
      fault: { code: 'NAME_TAKEN', detail: 'shelf_name_key' },
    })
  })

  test('that lost a deadlock is run anew, so that both sides come through', async () => {
    const attempts = { leftFirst: 0, rightFirst: 0 }
    const meeting = meetingOf(2)
    const growBoth = (who: keyof typeof attempts, order: readonly string[]) =>
      transaction(database.knex, async (trx) => {
        attempts[who]++
        await trx.raw(`SET LOCAL deadlock_timeout = '20ms'`)
        for (const name of order) {
          await trx('shelf').where({ name }).increment('size')
          if (attempts[who] === 1) await meeting()
        }
      })
    await Promise.all([growBoth('leftFirst', ['left', 'right']), growBoth('rightFirst', ['right', 'left'])])
    expect(attempts.leftFirst + attempts.rightFirst).toBe(3)
    expect(await database.knex('shelf').whereIn('name', ['left', 'right']).pluck('size')).toEqual([2, 2])
  })

  test('that never gets through is given up after four attempts', async () => {
    let attempts = 0
    const work = transaction(database.knex, async (trx) => {
      attempts++
      await trx.raw(`DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END $$`)
    })
    await expect(work).rejects.toMatchObject({ fault: { code: 'DATABASE_UNAVAILABLE', detail: '40001' } })
    expect(attempts).toBe(4)
  })
})

/** Everybody waits until that many are there; who comes later finds the way open. */
function meetingOf(size: number): () => Promise<void> {
  let open: () => void = () => undefined
  const complete = new Promise<void>((resolve) => {
    open = resolve
  })
  let present = 0
  return () => {
    present++
    if (present === size) open()
    return complete
  }
}

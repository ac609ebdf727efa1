import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootstrapKeyHash } from '../../../src/domain/people/bootstrap-key.ts'
import { bearerHash } from '../../../src/kernel/bearer.ts'
import { Secret } from '../../../src/kernel/secret.ts'
import { type TestDatabase, testDatabase } from '../../support/database.ts'

const now = new Date('2026-01-01T00:00:00Z')
let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

test('a key that could not be shown does not count: the next start shows another, and only it', async () => {
  const { knex } = database
  const broken = () => {
    throw new Error('standard output is closed')
  }
  await expect(bootstrapKeyHash(knex, { configured: undefined, now, show: broken })).rejects.toThrow('output is closed')

  const shown: Secret<string>[] = []
  const start = () => bootstrapKeyHash(knex, { configured: undefined, now, show: (key) => void shown.push(key) })
  const hash = await start()
  expect(shown.map((key) => bearerHash(key.expose()))).toEqual([hash])
  expect(await start()).toEqual(hash)
  expect(shown).toHaveLength(1)
})

test('a configured key takes its place and is never shown', async () => {
  const configured = new Secret('k'.repeat(40))
  const show = () => {
    throw new Error('shown')
  }
  expect(await bootstrapKeyHash(database.knex, { configured, now, show })).toEqual(bearerHash('k'.repeat(40)))
})

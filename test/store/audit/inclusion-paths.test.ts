import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InclusionPaths } from '../../../src/domain/audit/inclusion-paths.ts'
import { verifyInclusion } from '../../../src/domain/audit/merkle-proof.ts'
import { must, note, type TestLog, testLog } from '../../support/audit.ts'

/** Two whole blocks and a part of a third. */
const SIZE = 8_195

describe('the proofs of many events', () => {
  let log: TestLog
  beforeAll(async () => {
    log = await testLog()
    for (let from = 0; from < SIZE; from += 1_000)
      await log.log.append(Array.from({ length: Math.min(1_000, SIZE - from) }, (_, index) => note(`${from + index}`)))
  })
  afterAll(() => log.close())

  test('lead to the root at both ends of every block, in whatever order they are asked for', async () => {
    const { knex } = log.database
    const { size, root } = await log.log.head()
    expect(size).toBe(SIZE)
    const paths = must(await InclusionPaths.of(knex, { size, root }))
    for (const seq of [1, 2, 4_096, 4_097, 8_192, 8_193, SIZE, 5]) {
      const { leaf }: { leaf: Buffer } = await knex('audit_events').where({ seq }).first('leaf')
      expect(verifyInclusion({ leaf, index: seq - 1, size, root, hashes: await paths.of(seq) }), `${seq}`).toBe(true)
    }
  })

  test('are refused when the log does not lead to the root', async () => {
    const { size } = await log.log.head()
    expect(await InclusionPaths.of(log.database.knex, { size, root: Buffer.alloc(32) })).toMatchObject({ ok: false })
  })
})

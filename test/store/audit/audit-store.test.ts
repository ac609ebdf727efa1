import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AuditProofs } from '../../../src/domain/audit/audit-proofs.ts'
import { AuditStore, type EventFilters } from '../../../src/domain/audit/audit-store.ts'
import { openCheckpoint } from '../../../src/domain/audit/checkpoint.ts'
import type { Entry } from '../../../src/domain/audit/event.ts'
import { advanceFrontier } from '../../../src/domain/audit/leaf-reader.ts'
import { rootOf } from '../../../src/domain/audit/merkle.ts'
import { verifyConsistency, verifyInclusion } from '../../../src/domain/audit/merkle-proof.ts'
import { must, note, type TestLog, testLog } from '../../support/audit.ts'

let log: TestLog
let store: AuditStore
let proofs: AuditProofs
beforeAll(async () => {
  log = await testLog()
  store = new AuditStore(log.database.knex)
  proofs = new AuditProofs(log.database.knex, log.checkpointer)
})
afterAll(() => log.close())

describe('listing events', () => {
  const found = async (filters: EventFilters) =>
    must(await store.list({ filters, limit: 200, order: 'asc' })).items.map(({ seq }) => seq)

  beforeAll(async () => {
    const entry = (change: Partial<Entry['event']>): Entry => ({ event: { ...note('').event, ...change } })
    const agent = { id: 'agt_2', name: 'claude', owner: 'bob@example.com', riskLevel: 'high' }
    const resource = {
      type: 'secret',
      id: `sec_${'2'.repeat(25)}`,
      name: '100%_key',
      groups: [],
      environment: 'production',
      version: 0,
    }
    await log.log.append([note('one'), entry({ agent }), entry({ sessionId: 'ses_2' }), entry({ resource })])
    await log.log.append([entry({ type: 'AI_AGENT_POLICY_DENIED', outcome: 'deny' }), note('Zażółć "x" 50%_off')])
  })

  test.each<[EventFilters, number[]]>([
    [{}, [1, 2, 3, 4, 5, 6]],
    [{ agentId: 'agt_2' }, [2]],
    [{ sessionId: 'ses_2' }, [3]],
    [{ resource: '100%_key' }, [4]],
    [{ resource: `sec_${'2'.repeat(25)}` }, [4]],
    [{ environment: 'production' }, [4]],
    [{ type: 'AI_AGENT_POLICY_DENIED' }, [5]],
    [{ outcome: 'deny' }, [5]],
    [{ q: 'zażółć' }, [6]],
    [{ q: '50%_OFF' }, [6]],
    [{ q: '50__off' }, []],
    [{ q: "'; DROP TABLE audit_events" }, []],
    [{ afterSeq: 4 }, [5, 6]],
    [{ to: new Date(0) }, []],
    [
      { from: new Date(0), to: new Date(Date.now() + 60_000), sessionId: 'ses_1', afterSeq: 1, outcome: 'ok' },
      [2, 4, 6],
    ],
  ])('%j finds %j', async (filters, seqs) => {
    expect(await found(filters)).toEqual(seqs)
  })

  test('takes `from` as inclusive and `to` as exclusive', async () => {
    const {
      items: [first],
    } = must(await store.list({ filters: {}, limit: 1, order: 'asc' }))
    const at = new Date(first?.at ?? '')
    expect(await found({ from: at })).toContain(1)
    expect(await found({ to: at })).not.toContain(1)
  })

  test('turns the pages from the newest, or from the oldest, without gap or repetition', async () => {
    for (const [order, expected] of [
      ['desc', [6, 5, 4, 3, 2, 1]],
      ['asc', [1, 2, 3, 4, 5, 6]],
    ] as const) {
      const seen: number[] = []
      let cursor: string | null | undefined
      do {
        const page = must(await store.list({ filters: {}, limit: 2, order, ...(cursor ? { cursor } : {}) }))
        seen.push(...page.items.map(({ seq }) => seq))
        cursor = page.nextCursor
      } while (cursor !== null)
      expect(seen).toEqual(expected)
    }
    const cursor = Buffer.from('1 OR 1=1').toString('base64url')
    expect(await store.list({ filters: {}, limit: 2, order: 'asc', cursor })).toMatchObject({
      ok: false,
      error: { code: 'ARGUMENT_INVALID' },
    })
  })
})

describe('proofs', () => {
  test('an inclusion proof holds for every event, against a checkpoint that is made when none covers it', async () => {
    await log.log.append(Array.from({ length: 31 }, (_, index) => note(`${index}`)))
    const { size } = await log.log.head()
    for (let seq = 1; seq <= size; seq++) {
      const proof = must(await proofs.inclusion(seq))
      const root = Buffer.from(proof.root, 'base64')
      expect(openCheckpoint(proof.checkpoint, log.key)).toMatchObject({ size, root })
      const claim = { index: seq - 1, size: proof.treeSize, root, leaf: Buffer.from(proof.leaf, 'base64') }
      expect(verifyInclusion({ ...claim, hashes: proof.hashes.map((hash) => Buffer.from(hash, 'base64')) })).toBe(true)
    }
    for (const seq of [0, -1, size + 1]) {
      expect(await proofs.inclusion(seq)).toMatchObject({ ok: false, error: { code: 'NOT_FOUND' } })
    }
  })

  test('a consistency proof holds between sizes of the log, and there is none for others', async () => {
    const { size } = await log.log.head()
    const proof = must(await proofs.consistency(7, size))
    const [firstRoot, secondRoot] = [proof.firstRoot, proof.secondRoot].map((root) => Buffer.from(root, 'base64'))
    const hashes = proof.hashes.map((hash) => Buffer.from(hash, 'base64'))
    const { root } = await log.log.head()
    expect(secondRoot).toEqual(root)
    expect(verifyConsistency({ first: 7, firstRoot: firstRoot ?? root, second: size, secondRoot: root, hashes })).toBe(
      true,
    )
    for (const [first, second] of [
      [0, 5],
      [5, 4],
      [1, size + 1],
      [1.5, 3],
    ] as const) {
      expect(await proofs.consistency(first, second)).toMatchObject({ ok: false, error: { code: 'ARGUMENT_INVALID' } })
    }
  })

  test('checkpoints are listed in pages from the newest', async () => {
    await log.log.append([note('more')])
    const newest = must(await log.checkpointer.checkpoint())
    const first = must(await store.checkpoints(1))
    expect(first.items.map(({ note: text }) => text)).toEqual([newest?.note])
    const rest = must(await store.checkpoints(50, first.nextCursor ?? ''))
    expect(rest.items.every(({ size }) => size < (newest?.size ?? 0))).toBe(true)
    expect(rest.nextCursor).toBeNull()
  })

  test('stay usable on a hundred thousand events, and none is given for a log that was tampered with', async () => {
    const { size } = await log.log.head()
    await growTo(size + 100_000)
    const started = performance.now()
    const proof = must(await proofs.inclusion(size + 50_000))
    expect(proof.treeSize).toBe(size + 100_000)
    expect(proof.hashes.length).toBeLessThanOrEqual(17)
    expect(performance.now() - started).toBeLessThan(5_000)
    await log.database.knex.raw(
      'SET session_replication_role = replica; UPDATE audit_events SET leaf = sha256(leaf) WHERE seq = 3; SET session_replication_role = origin',
    )
    expect(await proofs.inclusion(40)).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('cannot be proven') },
    })
  })
})

/** Lays events into the database that only have leaves, much faster than they can be appended. */
async function growTo(size: number): Promise<void> {
  const { knex } = log.database
  const before = (await knex('audit_log').first('size', 'frontier')) ?? {}
  await knex.raw(
    `INSERT INTO audit_events (seq, id, at, type, event, leaf)
     SELECT seq, '', now(), 'AI_AGENT_NOTE', '{}', sha256(seq::text::bytea) FROM generate_series(?::bigint, ?::bigint) seq`,
    [Number(before.size) + 1, size],
  )
  const frontier = await advanceFrontier(knex, { size: Number(before.size), peaks: before.frontier }, size)
  await knex('audit_log').update({ size, root: rootOf(frontier), frontier: frontier.peaks })
}

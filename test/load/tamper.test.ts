import { generateKeyPairSync, hash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyExport } from '../../src/domain/audit/verifier.js'
import { canonicalJson } from '../../src/kernel/canonical-json.ts'
import { connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

const tables = ['audit_log', 'audit_events', 'audit_decisions', 'audit_checkpoints'] as const

/** What a superuser could put in place of a value, whatever the column's type. */
const edits: Readonly<Record<string, (column: string) => string>> = {
  bigint: (column) => `${column} + 1000000`,
  text: (column) => `coalesce(${column}, '') || 'x'`,
  bytea: (column) => `sha256(${column})`,
  'timestamp with time zone': (column) => `${column} + interval '1 millisecond'`,
}

let gateway: TestGateway
let database: pg.Client
let size: number

beforeAll(async () => {
  gateway = await testGateway()
  const tokens = await given(gateway, {
    agents: [{ name: 'reader', groups: ['staging'] }],
    secrets: [{ name: 'login', groups: ['staging'] }],
  })
  const read = async () => {
    const agent = await connect(gateway.url, tokens['reader'] ?? '')
    await agent.calls('certlocker_get_secret', { name: 'login' })
    await agent.calls('certlocker_get_secret', { name: 'nothing' })
  }
  await read()
  // A stop signs a checkpoint.
  gateway = await gateway.restart()
  await read()
  gateway = await gateway.restart()
  await read()
  database = new pg.Client({ connectionString: gateway.databaseUrl })
  await database.connect()
  size = (await verify())['size'] as number
  await database.query('SET session_replication_role = replica')
  await database.query('ALTER TABLE audit_events DROP CONSTRAINT audit_events_seq_check')
  await keep()
})
afterAll(async () => {
  await database.end()
  await gateway.stop()
})

const verify = async () => (await gateway.api.get('/audit/verify')).body

/** The gateway's verdict after a superuser did this; the log is as before afterwards. */
async function verdictAfter(sql: string) {
  try {
    await database.query(sql)
    return await verify()
  } finally {
    await restore()
  }
}

/** Remembers the log as it is now. */
async function keep() {
  for (const table of tables) {
    await database.query(`DROP TABLE IF EXISTS kept_${table}; CREATE TABLE kept_${table} AS TABLE ${table}`)
  }
}

async function restore() {
  for (const table of tables) await database.query(`DELETE FROM ${table}; INSERT INTO ${table} TABLE kept_${table}`)
}

async function columnsOf(table: string): Promise<readonly { readonly name: string; readonly type: string }[]> {
  const { rows } = await database.query(
    'SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_name = $1',
    [table],
  )
  return rows
}

/** The newest signed checkpoint before the end of the log. */
async function lastCheckpoint(): Promise<number> {
  const { rows } = await database.query('SELECT max(size) AS size FROM audit_checkpoints WHERE size < $1', [size])
  return Number(rows[0].size)
}

const copyOfEvent = (from: number, to: number) =>
  `INSERT INTO audit_events SELECT ${to}, id, at, type, agent_id, session_id, resource_id, resource_name, environment,
     outcome, event, leaf FROM audit_events WHERE seq = ${from}`
const cutAfter = (seq: number) =>
  `DELETE FROM audit_events WHERE seq > ${seq}; DELETE FROM audit_decisions WHERE seq > ${seq}`
const putHeadRight = (seq: number) =>
  `UPDATE audit_log SET (size, root, frontier) = (SELECT size, root, frontier FROM audit_checkpoints WHERE size = ${seq})`
const cutCheckpointsAfter = (seq: number) => `DELETE FROM audit_checkpoints WHERE size > ${seq}`

describe('the running gateway', () => {
  test('finds nothing in a log that nobody touched', async () => {
    expect(await verify()).toMatchObject({ ok: true, size, firstBadSeq: null })
  })

  test('finds an edit of any column of any event', async () => {
    const columns = await columnsOf('audit_events')
    expect(columns.length).toBeGreaterThanOrEqual(12)
    for (const { name, type } of columns) {
      for (const seq of [1, Math.floor(size / 2), size]) {
        const edited = edits[type]?.(name)
        if (edited === undefined) throw new Error(`no edit is known for ${name}, a ${type}`)
        const verdict = await verdictAfter(`UPDATE audit_events SET ${name} = ${edited} WHERE seq = ${seq}`)
        expect(verdict, `${name} of ${seq}`).toMatchObject({ ok: false, firstBadSeq: seq })
      }
    }
  })

  test('finds an edit of any column of the questions and answers kept beside the events', async () => {
    const { rows } = await database.query('SELECT min(seq) AS seq FROM audit_decisions')
    for (const { name, type } of await columnsOf('audit_decisions')) {
      const verdict = await verdictAfter(
        `UPDATE audit_decisions SET ${name} = ${edits[type]?.(name)} WHERE seq = ${rows[0].seq}`,
      )
      expect(verdict, name).toMatchObject({ ok: false })
    }
  })

  test('finds an event deleted, and each of them that could be', async () => {
    for (let seq = 1; seq <= size; seq++) {
      const verdict = await verdictAfter(`DELETE FROM audit_events WHERE seq = ${seq}`)
      expect(verdict).toMatchObject({ ok: false, firstBadSeq: seq })
    }
  })

  test('finds two events exchanged', async () => {
    const verdict = await verdictAfter(
      'UPDATE audit_events SET seq = -1 WHERE seq = 5; UPDATE audit_events SET seq = 5 WHERE seq = 6; UPDATE audit_events SET seq = 6 WHERE seq = -1',
    )
    expect(verdict).toMatchObject({ ok: false, firstBadSeq: 5 })
  })

  test('finds an event inserted before, between and after', async () => {
    expect(await verdictAfter(copyOfEvent(3, 0))).toMatchObject({ ok: false, firstBadSeq: 0 })
    expect(await verdictAfter(copyOfEvent(3, size + 1))).toMatchObject({ ok: false, firstBadSeq: size + 1 })
    const between = `UPDATE audit_events SET seq = -seq WHERE seq >= 7;
      UPDATE audit_events SET seq = 1 - seq WHERE seq < 0; ${copyOfEvent(3, 7)}`
    expect(await verdictAfter(between)).toMatchObject({ ok: false, firstBadSeq: 7 })
  })

  test('finds the tail cut, also when head and checkpoints were put right', async () => {
    const seq = await lastCheckpoint()
    for (const sql of [
      cutAfter(seq),
      `${cutAfter(seq)}; ${putHeadRight(seq)}`,
      `${cutAfter(seq)}; ${putHeadRight(seq)}; ${cutCheckpointsAfter(seq)}`,
    ]) {
      expect(await verdictAfter(sql)).toMatchObject({ ok: false, firstBadSeq: seq + 1 })
    }
  })

  test('finds everything deleted', async () => {
    const everything = `${cutAfter(0)}; DELETE FROM audit_checkpoints;
      UPDATE audit_log SET size = 0, root = sha256(''), frontier = '{}'`
    expect(await verdictAfter(everything)).toMatchObject({ ok: false, firstBadSeq: 1 })
  })

  test('lets nobody change the log who is not a superuser against the rules', async () => {
    await database.query('SET session_replication_role = origin')
    for (const sql of ['DELETE FROM audit_events', "UPDATE audit_events SET type = 'x'", 'TRUNCATE audit_events']) {
      await expect(database.query(sql)).rejects.toThrow('append-only')
    }
    await database.query('SET session_replication_role = replica')
  })
})

describe('an exported log', () => {
  let lines: string[]
  let key: string
  beforeAll(async () => {
    lines = String((await gateway.api.get('/audit/export')).body['text'])
      .trimEnd()
      .split('\n')
    key = String((await gateway.api.get('/audit/key')).body['text'])
    // The export is an event of its own.
    await keep()
    size += 1
  })

  const verdict = (mutated: readonly string[]) => verifyExport(mutated.join('\n'), key)

  test('passes as it is', async () => {
    expect(await verdict(lines)).toMatchObject({ ok: true, size })
  })

  test('fails with any line missing, twice or exchanged with the next', async () => {
    for (let index = 0; index < lines.length; index++) {
      const line = lines[index] ?? ''
      const next = lines[index + 1]
      expect(await verdict(lines.toSpliced(index, 1)), `without line ${index + 1}`).toMatchObject({ ok: false })
      expect(await verdict(lines.toSpliced(index, 0, line)), `line ${index + 1} twice`).toMatchObject({ ok: false })
      if (next === undefined) continue
      expect(await verdict(lines.toSpliced(index, 2, next, line)), `line ${index + 1} later`).toMatchObject({
        ok: false,
      })
    }
  })

  test('fails with any character of any line changed', async () => {
    for (const [index, line] of lines.entries()) {
      for (const at of [1, Math.floor(line.length / 3), Math.floor(line.length / 2), line.length - 3]) {
        const changed = `${line.slice(0, at)}${line[at] === '0' ? '1' : '0'}${line.slice(at + 1)}`
        expect(await verdict(lines.with(index, changed)), `line ${index + 1}, character ${at}`).toMatchObject({
          ok: false,
        })
      }
    }
  })

  test('fails with a member added to a line or taken away', async () => {
    for (const [index, line] of lines.entries()) {
      if (index === 0) continue
      const members: { readonly [name: string]: unknown } = JSON.parse(line)
      const mutants = [
        { ...members, zzz: 1 },
        ...Object.keys(members).map((name) => ({ ...members, [name]: undefined })),
      ]
      for (const mutant of mutants) {
        const mutated = canonicalJson(JSON.parse(JSON.stringify(mutant)))
        expect(await verdict(lines.with(index, mutated)), mutated).toMatchObject({ ok: false })
      }
    }
  })

  test('fails under another key, cut short, or empty', async () => {
    const other = await testGateway()
    const otherKey = String((await other.api.get('/audit/key')).body['text'])
    await other.stop()
    expect(await verifyExport(lines.join('\n'), otherKey)).toMatchObject({ ok: false })
    expect(await verdict(lines.slice(0, -2))).toMatchObject({ ok: false })
    expect(await verdict([])).toMatchObject({ ok: false })
  })
})

describe('a gateway on a log that was cut while it was stopped', () => {
  const refusal = async (settings: Readonly<Record<string, string>> = {}) =>
    gateway.restart(settings).then(
      (started) => {
        gateway = started
        return undefined
      },
      (error: Error) => error.message,
    )

  beforeAll(async () => {
    await gateway.halt()
    await keep()
  })

  test('does not start on events without their head, whatever the operator accepts', async () => {
    const seq = await lastCheckpoint()
    await database.query(cutAfter(seq))
    expect(await refusal()).toMatch(/contradicts itself/)
    expect(await refusal({ CERTLOCKER_AUDIT__ACCEPT_TRUNCATED: String(seq) })).toMatch(/contradicts itself/)
    await restore()
  })

  test('does not start on a log that lost an event in the middle', async () => {
    await database.query('DELETE FROM audit_events WHERE seq = 3')
    expect(await refusal()).toMatch(/contradicts itself: event 3 is missing/)
    await restore()
  })

  test('does not start with another key, be it put right in the database as well', async () => {
    const keyFile = join(gateway.dataDir, 'keys', 'audit.pem')
    const original = readFileSync(keyFile)
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    try {
      writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }))
      expect(await refusal()).toMatch(/does not fit the database/)
      const fingerprint = hash('sha256', publicKey.export({ type: 'spki', format: 'der' }))
      const { rows } = await database.query("SELECT fingerprint FROM installation_keys WHERE purpose = 'audit'")
      const put = (value: unknown) =>
        database.query("UPDATE installation_keys SET fingerprint = $1 WHERE purpose = 'audit'", [value])
      await put(fingerprint)
      expect(await refusal()).toMatch(/not what the key signed|is not signed with the key/)
      await put(rows[0].fingerprint)
    } finally {
      writeFileSync(keyFile, original)
    }
  })

  test('does not start on a copy of the checkpoints that another log left', async () => {
    const copy = join(gateway.dataDir, 'audit', 'checkpoints')
    const original = readFileSync(copy, 'utf8')
    try {
      writeFileSync(copy, original.replaceAll('certlocker/', 'certl0cker/'))
      expect(await refusal()).toMatch(/is not signed with the key/)
    } finally {
      writeFileSync(copy, original)
    }
  })

  test('starts on a cut log only once its size was accepted, which goes on record', async () => {
    const seq = await lastCheckpoint()
    await database.query(`${cutAfter(seq)}; ${putHeadRight(seq)}; ${cutCheckpointsAfter(seq)}`)
    expect(await refusal()).toMatch(/truncated/)
    expect(await refusal({ CERTLOCKER_AUDIT__ACCEPT_TRUNCATED: String(seq - 1) })).toMatch(/truncated/)
    expect(await refusal({ CERTLOCKER_AUDIT__ACCEPT_TRUNCATED: String(seq) })).toBeUndefined()
    expect(await verify()).toMatchObject({ ok: true })
    const { body } = await gateway.api.get('/audit?type=AUDIT_CHECKPOINT&limit=1')
    expect(body['items']).toMatchObject([{ details: { acceptedTruncatedSize: seq } }])
  })
})

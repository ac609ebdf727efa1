import { execFile } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exportLog } from '../../../src/domain/audit/export.ts'
import { verifyExport } from '../../../src/domain/audit/verifier.js'
import { canonicalJson } from '../../../src/kernel/canonical-json.ts'
import { decided, must, note, type TestLog, testLog } from '../../support/audit.ts'

const SIZE = 230
const verifier = 'src/domain/audit/verifier.js'

describe('an export of the log and its verifier', () => {
  let log: TestLog
  let lines: string[]
  beforeAll(async () => {
    log = await testLog()
    await log.log.append(
      Array.from({ length: SIZE }, (_, index) => (index % 2 === 0 ? note(`${index} ✓ \u2028`) : decided(`${index}`))),
    )
    const exported = must(await exportLog({ knex: log.database.knex, key: log.key, checkpointer: log.checkpointer }))
    lines = (await textOf(exported)).trimEnd().split('\n')
  })
  afterAll(() => log.close())

  const verdict = (mutated: readonly string[], key = log.key.publicPem) => verifyExport(`${mutated.join('\n')}\n`, key)
  /** Line 0 is the header, line n is event n. */
  const event = (seq: number) => lines[seq] ?? ''
  const edited = (seq: number, edit: (line: string) => string) => lines.with(seq, edit(event(seq)))

  test('pass when nothing was touched, as a text and in pieces, wherever they are cut', async () => {
    const { size, root } = await log.log.head()
    const passed = { ok: true, size, root: root.toString('hex'), firstBadSeq: null, problem: null }
    expect(await verdict(lines)).toEqual(passed)
    const text = `${lines.join('\n')}\n`
    const pieces = Array.from({ length: Math.ceil(text.length / 777) }, (_, at) => text.slice(at * 777, (at + 1) * 777))
    expect(await verifyExport(pieces, log.key.publicPem)).toEqual(passed)
    expect(JSON.parse(event(0))).toEqual({
      type: 'certlocker.audit-export/v1',
      origin: log.key.origin,
      key: log.key.publicPem,
      size: SIZE,
    })
    expect(JSON.parse(event(2))).toMatchObject({
      event: { seq: 2 },
      input: { call: { id: '1' } },
      decision: { effect: 'deny' },
    })
  })

  test('fail at the event in which any byte is changed', async () => {
    for (const seq of [1, 2, 64, 129, SIZE]) {
      const line = event(seq)
      for (let position = 0; position < line.length; position += 17) {
        const other = line[position] === 'a' ? 'b' : 'a'
        const found = await verdict(edited(seq, () => line.slice(0, position) + other + line.slice(position + 1)))
        expect(found, `position ${position} of event ${seq}`).toMatchObject({ ok: false, firstBadSeq: seq })
      }
    }
  })

  test('fail at the event that is dropped, doubled, exchanged or inserted', async () => {
    expect(await verdict(lines.toSpliced(40, 1))).toMatchObject({ ok: false, firstBadSeq: 40 })
    expect(await verdict(lines.toSpliced(40, 0, event(40)))).toMatchObject({ ok: false, firstBadSeq: 41 })
    expect(await verdict(lines.with(40, event(41)).with(41, event(40)))).toMatchObject({ ok: false, firstBadSeq: 40 })
    expect(await verdict(lines.toSpliced(SIZE + 1, 0, event(3)))).toMatchObject({ ok: false, firstBadSeq: SIZE + 1 })
    const forged = event(SIZE).replace(`"seq":${SIZE}`, `"seq":${SIZE + 1}`)
    expect(await verdict(lines.toSpliced(SIZE + 1, 0, forged))).toMatchObject({ ok: false, firstBadSeq: SIZE + 1 })
  })

  test('fail at the first missing event when the export is cut anywhere, and when its header is put right', async () => {
    for (const kept of [1, 2, 100, SIZE]) {
      expect(await verdict(lines.slice(0, kept))).toMatchObject({ ok: false, firstBadSeq: kept })
      const header = canonicalJson({ ...JSON.parse(event(0)), size: kept - 1 })
      expect(await verdict([header, ...lines.slice(1, kept)])).toMatchObject({ ok: false })
      expect(await verdict([header, ...lines.slice(1, kept), ...lines.slice(SIZE + 1)])).toMatchObject({
        ok: false,
        firstBadSeq: kept,
      })
    }
    expect(await verdict(lines.slice(0, -1))).toMatchObject({ ok: false })
    expect(await verdict([])).toMatchObject({ ok: false })
    expect(await verdict(lines.slice(1))).toMatchObject({ ok: false, firstBadSeq: 1 })
  })

  test('fail at the event whose input or decision was edited', async () => {
    expect(await verdict(edited(64, (line) => line.replace('prod-db', 'edge-db')))).toMatchObject({
      ok: false,
      firstBadSeq: 64,
    })
    expect(await verdict(edited(64, (line) => line.replace('"effect":"deny"', '"effect":"allow"')))).toMatchObject({
      ok: false,
      firstBadSeq: 64,
    })
    expect(await verdict(edited(65, (line) => line.replace('{"event"', '{"decision":{},"event"')))).toMatchObject({
      ok: false,
      firstBadSeq: 65,
    })
  })

  test('fail when an event was changed together with its leaf hash', async () => {
    const { event: original } = JSON.parse(event(7))
    const text = canonicalJson({ ...original, outcome: 'allow' })
    const leaf = createHash('sha256').update(`\u0000${text}`).digest('hex')
    expect(await verdict(lines.with(7, `{"event":${text},"leaf":"${leaf}"}`))).toMatchObject({
      ok: false,
      firstBadSeq: 1,
      problem: expect.stringContaining('the signed root is another one'),
    })
  })

  test('fail with another key, and when the checkpoint is another one', async () => {
    const { publicKey } = generateKeyPairSync('ed25519', {
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    })
    expect(await verdict(lines, publicKey)).toMatchObject({ ok: false, firstBadSeq: 1 })
    const resized = lines.with(lines.length - 1, (lines.at(-1) ?? '').replace(`\\n${SIZE}\\n`, `\\n${SIZE - 1}\\n`))
    expect(await verdict(resized)).toMatchObject({ ok: false })
  })

  describe('of a part of the log', () => {
    let part: string[]
    beforeAll(async () => {
      const deps = { knex: log.database.knex, key: log.key, checkpointer: log.checkpointer }
      const filters = { outcome: 'deny', afterSeq: 100 }
      part = (await textOf(must(await exportLog(deps, { format: 'ndjson', filters })))).trimEnd().split('\n')
    })
    const seqOf = (line = '') => Number(JSON.parse(line).event.seq)

    test('pass with a proof for each event under the one checkpoint', async () => {
      const { size, root } = await log.log.head()
      expect(JSON.parse(part[0] ?? '')).toMatchObject({
        type: 'certlocker.audit-part/v1',
        filters: { outcome: 'deny', afterSeq: 100 },
        checkpoint: expect.stringContaining(`\n${SIZE}\n`),
      })
      expect(part.slice(1, -1).map(seqOf)).toEqual(Array.from({ length: 65 }, (_, index) => 102 + 2 * index))
      expect(await verdict(part)).toEqual({
        ok: true,
        size,
        root: root.toString('hex'),
        firstBadSeq: null,
        problem: null,
        events: 65,
      })
    })

    test('fail at the event in which any byte is changed, its proof included', async () => {
      for (const at of [1, 30, 65]) {
        const line = part[at] ?? ''
        for (let position = 0; position < line.length; position += 13) {
          const other = line[position] === 'a' ? 'b' : 'a'
          const changed = line.slice(0, position) + other + line.slice(position + 1)
          const found = await verdict(part.with(at, changed))
          expect(found, `position ${position} of line ${at}`).toMatchObject({ ok: false, events: at - 1 })
        }
      }
    })

    test('fail when an event is forged with its leaf, taken twice, moved, left without proof, or when the end is missing', async () => {
      const { event: original, ...others } = JSON.parse(part[7] ?? '')
      const event = { ...original, outcome: 'allow' }
      const leaf = createHash('sha256')
        .update(`\u0000${canonicalJson(event)}`)
        .digest('hex')
      const seq = seqOf(part[7])
      const fails = async (lines: readonly string[]) => expect(await verdict(lines)).toMatchObject({ ok: false })
      expect(await verdict(part.with(7, canonicalJson({ ...others, event, leaf })))).toMatchObject({
        ok: false,
        firstBadSeq: seq,
        problem: 'its proof leads to another root',
      })
      await fails(part.toSpliced(7, 0, part[7] ?? ''))
      await fails(part.with(7, part[8] ?? '').with(8, part[7] ?? ''))
      const { proof, ...unproven } = JSON.parse(part[7] ?? '')
      await fails(part.with(7, canonicalJson(unproven)))
      for (const other of [[], proof.slice(1), [...proof, proof[0]], 'x', null])
        await fails(part.with(7, canonicalJson({ ...unproven, proof: other })))
      await fails(part.slice(0, -1))
      await fails(part.toSpliced(7, 1))
      await fails([...part, part[7] ?? ''])
    })

    test('fail with another checkpoint or another key', async () => {
      const header = JSON.parse(part[0] ?? '')
      const other = { ...header, checkpoint: header.checkpoint.replace(`\n${SIZE}\n`, `\n${SIZE - 1}\n`) }
      expect(await verdict(part.with(0, canonicalJson(other)))).toMatchObject({ ok: false, firstBadSeq: 1 })
      const { publicKey } = generateKeyPairSync('ed25519', {
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      })
      expect(await verdict(part, publicKey)).toMatchObject({ ok: false, firstBadSeq: 1 })
    })
  })

  test('work as a command for an auditor who has only Node, the export and the key', async () => {
    const file = join(log.directory, 'export.ndjson')
    const broken = join(log.directory, 'broken.ndjson')
    const key = join(log.directory, 'key.pem')
    writeFileSync(file, `${lines.join('\n')}\n`)
    writeFileSync(broken, `${lines.toSpliced(9, 1).join('\n')}\n`)
    writeFileSync(key, log.key.publicPem)
    const run = promisify(execFile)
    const { stdout } = await run(process.execPath, [verifier, file, key])
    expect(stdout).toMatch(new RegExp(`^PASS size=${SIZE} root=[0-9a-f]{64}\\n$`, 'u'))
    await expect(run(process.execPath, [verifier, broken, key])).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^FAIL .*firstBadSeq=9 /u),
    })
    await expect(run(process.execPath, [verifier])).rejects.toMatchObject({ code: 2 })
  })

  test('the verifier stays short, and imports nothing but Node', () => {
    const source = readFileSync(verifier, 'utf8')
    expect(source.split('\n').length - 1).toBeLessThanOrEqual(150)
    expect([...source.matchAll(/from '([^']+)'/gu)].every(([, name]) => name?.startsWith('node:'))).toBe(true)
  })
})

async function textOf(texts: AsyncIterable<string>): Promise<string> {
  let whole = ''
  for await (const text of texts) whole += text
  return whole
}

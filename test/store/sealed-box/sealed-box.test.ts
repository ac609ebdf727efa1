import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadSealedBoxKey, type SealedBoxKey } from '../../../src/adapters/sealed-box/sealed-box-key.ts'
import { SealedBoxSource } from '../../../src/adapters/sealed-box/sealed-box-source.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { Secret } from '../../../src/kernel/secret.ts'
import { type TestDatabase, testDatabase } from '../../support/database.ts'
import { valueOf } from '../../support/registry.ts'
import { describeSecretSource } from '../secrets/secret-source.contract.ts'

let database: TestDatabase
let directory: string
let key: SealedBoxKey
let source: SealedBoxSource

const load = (keyFile: string) => loadSealedBoxKey({ knex: database.knex, clock: systemClock, keyFile })
const keyFile = () => join(directory, 'keys', 'secrets.key')

beforeAll(async () => {
  database = await testDatabase()
  directory = await mkdtemp(join(tmpdir(), 'sealed-box-'))
  key = valueOf(await load(keyFile()))
  source = new SealedBoxSource({ knex: database.knex, key, clock: systemClock })
})

afterAll(async () => {
  await database.drop()
  await rm(directory, { recursive: true })
})

describeSecretSource('the sealed box', () => source)

describe('a sealed value', () => {
  const path = 'secrets/sec_victim'
  const damaged = { ok: false, error: { code: 'SECRET_VALUE_DAMAGED' } }

  async function written(text: string): Promise<string> {
    return valueOf(await source.write(path, new Secret(text)))
  }

  const rowOf = (version: string, of = path) =>
    database.knex('sealed_values').where({ path: of, version: Number(version) })

  test('is nowhere in the database in the clear', async () => {
    const version = await written('canary-4f1c9b')
    const row = await rowOf(version).first()
    for (const part of [row.sealed, row.wrapped_key]) {
      expect(part.includes('canary-4f1c9b')).toBe(false)
      expect(part.includes(Buffer.from('canary-4f1c9b').toString('base64'))).toBe(false)
    }
  })

  test('is sealed anew every time: equal values do not look alike', async () => {
    const rows = await Promise.all(
      [await written('same'), await written('same')].map((version) => rowOf(version).first()),
    )
    expect(rows[0].sealed.equals(rows[1].sealed)).toBe(false)
    expect(rows[0].wrapped_key.equals(rows[1].wrapped_key)).toBe(false)
  })

  test('does not open when any one byte of it was changed', async () => {
    const version = await written('abc')
    const row = await rowOf(version).first()
    for (const column of ['sealed', 'wrapped_key'] as const) {
      for (let index = 0; index < row[column].length; index++) {
        const altered = Buffer.from(row[column])
        altered[index] = (altered[index] ?? 0) ^ 1
        await rowOf(version).update({ [column]: altered })
        expect(await source.read(path, version)).toMatchObject(damaged)
      }
      await rowOf(version).update({ [column]: row[column].subarray(0, 12) })
      expect(await source.read(path, version)).toMatchObject(damaged)
      await rowOf(version).update({ [column]: row[column] })
    }
    expect(valueOf(await source.read(path, version)).expose()).toBe('abc')
  })

  test('does not open as another version, on another path, or with the key of another; and names no unknown key', async () => {
    const [one, two] = [await written('one'), await written('two')]
    const other = 'secrets/sec_other'
    const foreign = valueOf(await source.write(other, new Secret('foreign')))
    const original = await rowOf(one).first()
    const columns = ({ wrapped_key, sealed, key_id }: Record<string, unknown>) => ({ wrapped_key, sealed, key_id })
    const forgeries = [
      columns(await rowOf(two).first()),
      columns(await rowOf(foreign, other).first()),
      { wrapped_key: (await rowOf(two).first()).wrapped_key },
      { sealed: (await rowOf(two).first()).sealed },
    ]
    for (const forgery of forgeries) {
      await rowOf(one).update(forgery)
      expect(await source.read(path, one)).toMatchObject(damaged)
      await rowOf(one).update(columns(original))
    }
    expect(valueOf(await source.read(path, one)).expose()).toBe('one')
    await expect(rowOf(one).update({ key_id: 'sha256:0' })).rejects.toThrow('sealed_values_key_id_fkey')
  })

  test('whose database is away is unavailable, and says so without the value', async () => {
    const away = await testDatabase()
    await away.drop()
    const broken = new SealedBoxSource({ knex: away.knex, key, clock: systemClock })
    const refusals = [await broken.write(path, new Secret('canary-77aa')), await broken.read(path, '0')]
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ ok: false, error: { code: 'SECRET_STORE_UNAVAILABLE' } })
      expect(JSON.stringify(refusal)).not.toContain('canary-77aa')
    }
    expect(await broken.check()).toMatchObject({ ok: false })
  })
})

describe('the key of the sealed box', () => {
  test('is created once, for its owner only, and loaded from then on', async () => {
    expect((await stat(keyFile())).mode & 0o777).toBe(0o600)
    expect((await stat(join(directory, 'keys'))).mode & 0o777).toBe(0o700)
    const text = await readFile(keyFile(), 'utf8')
    expect(Buffer.from(text, 'base64')).toHaveLength(32)
    expect(valueOf(await load(keyFile())).fingerprint).toBe(key.fingerprint)
    expect(await readFile(keyFile(), 'utf8')).toBe(text)
  })

  test('derives the same key for a label every time, another for another, and never itself', async () => {
    const again = valueOf(await load(keyFile()))
    expect(again.deriveKey('arguments')).toEqual(key.deriveKey('arguments'))
    expect(key.deriveKey('arguments')).toHaveLength(32)
    const file = Buffer.from(await readFile(keyFile(), 'utf8'), 'base64')
    const keyEncryptionKey = await key.keyEncryptionKey(key.fingerprint)
    const keys = [key.deriveKey('arguments'), key.deriveKey('argument'), keyEncryptionKey, file].map((each) =>
      each?.toString('hex'),
    )
    expect(new Set(keys).size).toBe(4)
    expect(key.fingerprint).toMatch(/^sha256:[0-9a-f]{64}$/)
  })

  test('is not made anew when its file is missing, nor replaced by another', async () => {
    const elsewhere = join(directory, 'elsewhere', 'secrets.key')
    const missing = await load(elsewhere)
    expect(missing).toMatchObject({
      ok: false,
      error: { code: 'CONFIGURATION_INVALID', message: expect.stringContaining('put it back from the backup') },
    })
    await expect(stat(elsewhere)).rejects.toThrow('ENOENT')
    const other = join(directory, 'keys', 'other.key')
    await writeFile(other, `${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 })
    expect(await load(other)).toMatchObject({
      ok: false,
      error: { code: 'CONFIGURATION_INVALID', message: expect.stringContaining('does not fit the database') },
    })
  })

  test.each([
    ['empty', ''],
    ['short', Buffer.alloc(31).toString('base64')],
    ['long', Buffer.alloc(33).toString('base64')],
    ['not base64', '*'.repeat(44)],
    ['doubled', Buffer.alloc(32).toString('base64').repeat(2)],
  ])('is refused when its file is %s', async (_, text) => {
    const damaged = join(directory, 'keys', 'damaged.key')
    await writeFile(damaged, text, { mode: 0o600 })
    expect(await load(damaged)).toMatchObject({
      ok: false,
      error: { code: 'CONFIGURATION_INVALID', message: expect.stringContaining('32 bytes in base64') },
    })
  })

  test('is refused when others can get at its file or its directory, and says how to mend that', async () => {
    await chmod(keyFile(), 0o640)
    expect(await load(keyFile())).toMatchObject({
      ok: false,
      error: { code: 'CONFIGURATION_INVALID', message: expect.stringContaining(`chmod 600 ${keyFile()}`) },
    })
    await chmod(keyFile(), 0o600)
    await chmod(join(directory, 'keys'), 0o755)
    expect(await load(keyFile())).toMatchObject({
      ok: false,
      error: { code: 'CONFIGURATION_INVALID', message: expect.stringContaining('chmod 700') },
    })
    await chmod(join(directory, 'keys'), 0o700)
    expect(await load(keyFile())).toMatchObject({ ok: true })
  })

  test('is one, although several processes start on a new database at once', async () => {
    const fresh = await testDatabase()
    const file = join(directory, 'race', 'secrets.key')
    const keys = await Promise.all(
      Array.from({ length: 5 }, () => loadSealedBoxKey({ knex: fresh.knex, clock: systemClock, keyFile: file })),
    )
    expect(new Set(keys.map((each) => valueOf(each).fingerprint)).size).toBe(1)
    await fresh.drop()
  })

  test('of another database leaves the box unready', async () => {
    const fresh = await testDatabase()
    const moved = new SealedBoxSource({ knex: fresh.knex, key, clock: systemClock })
    expect(await moved.check()).toEqual({ ok: false, detail: 'the key does not fit the database' })
    await fresh.drop()
  })
})

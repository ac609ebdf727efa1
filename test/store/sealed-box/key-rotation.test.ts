import { copyFile, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { KeyRotation } from '../../../src/adapters/sealed-box/key-rotation.ts'
import { loadSealedBoxKey } from '../../../src/adapters/sealed-box/sealed-box-key.ts'
import { systemClock as clock } from '../../../src/kernel/clock.ts'
import { path, type RotatingBox, rotatingBox } from '../../support/key-rotation.ts'
import { valueOf } from '../../support/registry.ts'

let box: RotatingBox
beforeEach(async () => {
  box = await rotatingBox()
})
afterEach(() => box.drop())

const lines = async () => (await readFile(box.keyFile, 'utf8')).trim().split('\n')
const load = (keyFile = box.keyFile) => loadSealedBoxKey({ knex: box.database.knex, clock, keyFile })
const generationsInUse = (): Promise<string[]> => box.database.knex('sealed_values').distinct('key_id').pluck('key_id')
const rotate = async () => {
  const generation = valueOf(await box.rotation.advance())
  valueOf(await box.rotation.reseal())
  return generation
}
/** The key file as a replica on another machine has it. */
async function copied(): Promise<string> {
  const copy = join(dirname(dirname(box.keyFile)), 'copy', 'secrets.key')
  await mkdir(dirname(copy), { recursive: true, mode: 0o700 })
  await copyFile(box.keyFile, copy)
  return copy
}

describe('a rotation', () => {
  test('seals everything with a new generation, and every value stays what it was', async () => {
    const source = await box.start()
    for (let count = 0; count < 205; count++) await box.write(source, `value ${count}`)
    const before = await box.database.knex('sealed_values').where({ path, version: 204 }).first()
    expect(valueOf(await box.rotation.reseal())).toEqual({ resealed: 0, damaged: [] })
    const generation = valueOf(await box.rotation.advance())
    expect(valueOf(await box.rotation.reseal())).toEqual({ resealed: 205, damaged: [] })
    expect(await generationsInUse()).toEqual([generation])
    const after = await box.database.knex('sealed_values').where({ path, version: 204 }).first()
    for (const column of ['wrapped_key', 'sealed']) expect(after[column].equals(before[column])).toBe(false)
    expect(await box.lost(source)).toEqual([])
    expect(await box.lost(await box.start())).toEqual([])
  })

  test('is used by a running gateway for the very next value', async () => {
    const source = await box.start()
    const generation = valueOf(await box.rotation.advance())
    await box.write(source, 'after')
    expect(await generationsInUse()).toEqual([generation])
    expect(await source.check()).toEqual({ ok: true, detail: 'sealed-box' })
  })

  test('changes neither the installation nor what is derived from its key', async () => {
    const before = valueOf(await load())
    await rotate()
    valueOf(await box.rotation.prune())
    const after = valueOf(await load())
    expect(after.fingerprint).toBe(before.fingerprint)
    expect(after.deriveKey('pins')).toEqual(before.deriveKey('pins'))
  })

  test('keeps the first line of the file, its mode, and no other file', async () => {
    await box.start()
    const [first] = await lines()
    await rotate()
    expect((await lines())[0]).toBe(first)
    expect(await lines()).toHaveLength(2)
    expect((await stat(box.keyFile)).mode & 0o777).toBe(0o600)
    expect(await readdir(dirname(box.keyFile))).toEqual(['secrets.key'])
  })

  test('writes to where a link points, and leaves the link', async () => {
    await box.start()
    const link = join(dirname(box.keyFile), 'link.key')
    await symlink(box.keyFile, link)
    valueOf(await new KeyRotation({ knex: box.database.knex, clock, keyFile: link }).advance())
    expect((await lstat(link)).isSymbolicLink()).toBe(true)
    expect(await lines()).toHaveLength(2)
  })

  test('uses the generation that was prepared, which is one however often it is asked for', async () => {
    await box.start()
    const prepared = valueOf(await box.rotation.prepare())
    expect(valueOf(await box.rotation.prepare())).toBe(prepared)
    expect(valueOf(await box.rotation.prune())).toEqual([])
    expect(valueOf(await box.rotation.advance())).toBe(prepared)
    expect(valueOf(await box.rotation.advance())).not.toBe(prepared)
    expect(await lines()).toHaveLength(3)
  })

  test('does not begin when the file cannot be written, and ends what is left over when it can be again', async () => {
    const source = await box.start()
    await box.write(source, 'one')
    const second = await rotate()
    // A file beside it would have too long a name.
    const stiff = join(dirname(box.keyFile), 'k'.repeat(250))
    await copyFile(box.keyFile, stiff)
    const rotation = new KeyRotation({ knex: box.database.knex, clock, keyFile: stiff })
    const refused = {
      ok: false,
      error: { code: 'CONFIGURATION_INVALID', message: expect.stringContaining('cannot be replaced (ENAMETOOLONG)') },
    }
    expect(await rotation.advance()).toMatchObject(refused)
    expect(await box.lost(await box.start(stiff))).toEqual([])
    await rotate()
    await copyFile(box.keyFile, stiff)
    expect(await rotation.prune()).toMatchObject(refused)
    expect(await box.lost(await box.start(stiff))).toEqual([])
    expect(valueOf(await box.rotation.prune())).toEqual([second])
  })

  test('by several commands at once is refused or done, and never half', async () => {
    const source = await box.start()
    await box.write(source, 'one')
    const ended = await Promise.all([1, 2, 3, 4].map(() => box.rotation.advance()))
    const done = ended.filter(({ ok }) => ok)
    expect(done.length).toBeGreaterThan(0)
    for (const each of ended) if (!each.ok) expect(each.error.code).toBe('STATE_CONFLICT')
    expect(await lines()).toHaveLength(1 + done.length)
    expect(await box.lost(await box.start())).toEqual([])
  })

  test('needs a database that has a key, and the file that fits it, which it does not touch otherwise', async () => {
    expect(await box.rotation.advance()).toMatchObject({ ok: false, error: { code: 'STATE_CONFLICT' } })
    await box.start()
    const foreign = `${Buffer.alloc(32, 7).toString('base64')}\n`
    await writeFile(box.keyFile, foreign, { mode: 0o600 })
    for (const step of ['prepare', 'advance', 'reseal', 'prune'] as const) {
      const refused = await box.rotation[step]()
      expect(refused).toMatchObject({ ok: false, error: { code: 'CONFIGURATION_INVALID' } })
      expect(JSON.stringify(refused)).not.toContain(foreign.trim())
    }
    expect(await readFile(box.keyFile, 'utf8')).toBe(foreign)
  })
})

describe('an older generation', () => {
  test('is not dropped while a value needs it', async () => {
    const source = await box.start()
    await box.write(source, 'one')
    valueOf(await box.rotation.advance())
    expect(await box.rotation.prune()).toMatchObject({
      ok: false,
      error: { code: 'STATE_CONFLICT', message: expect.stringMatching(/\(1 sealed with sha256:.*keys reseal/) },
    })
    expect(await box.lost(await box.start())).toEqual([])
    valueOf(await box.rotation.reseal())
    expect(await box.rotation.prune()).toMatchObject({ ok: true })
  })

  test('is not dropped while it is needed by a damaged value, which is named and left as it is', async () => {
    const source = await box.start()
    for (const text of ['one', 'two', 'three']) await box.write(source, text)
    await box.database
      .knex('sealed_values')
      .where({ version: 1 })
      .update({ wrapped_key: Buffer.alloc(60) })
    valueOf(await box.rotation.advance())
    expect(valueOf(await box.rotation.reseal())).toEqual({ resealed: 2, damaged: [`${path} 1`] })
    expect(await box.rotation.prune()).toMatchObject({ ok: false, error: { code: 'STATE_CONFLICT' } })
    expect(await box.lost(source)).toEqual(['1'])
  })

  test('leaves the file, but for the first, and nobody can seal with any of them again', async () => {
    const source = await box.start()
    await box.write(source, 'one')
    const [first] = await lines()
    const [firstId, second] = [valueOf(await load()).fingerprint, await rotate()]
    await rotate()
    const third = (await lines())[2]
    expect(valueOf(await box.rotation.prune())).toEqual([second])
    expect(await lines()).toEqual([first, third])
    const row = await box.database.knex('sealed_values').where({ path }).first()
    for (const key_id of [firstId, second])
      await expect(box.database.knex('sealed_values').insert({ ...row, version: 9, key_id })).rejects.toThrow(
        'sealed_values_key_id_fkey',
      )
    await box.write(source, 'two')
    expect(await box.lost(source)).toEqual([])
    expect(await box.lost(await box.start())).toEqual([])
  })
})

test('a generation that comes while older ones are dropped stays, and so does the one before it', async () => {
  const source = await box.start()
  await rotate()
  await box.write(source, 'one')
  // Steps on one connection take turns: what is dropped from the database, the rotation, what is dropped from the file.
  const { rotation, end } = await box.broken(Number.POSITIVE_INFINITY)
  const [pruned, advanced] = await Promise.all([rotation.prune(), rotation.advance()])
  expect([pruned, advanced]).toEqual([
    { ok: true, value: [] },
    { ok: true, value: expect.stringMatching(/^sha256:/) },
  ])
  expect(await lines()).toHaveLength(3)
  expect(await box.lost(await box.start())).toEqual([])
  await end()
})

describe('a replica whose copy of the key file lacks the new generation', () => {
  test('refuses values and is not ready, and recovers without a restart when it gets it', async () => {
    const copy = await box.start().then(copied)
    const behind = await box.start(copy)
    await box.write(behind, 'one')
    const generation = await rotate()
    expect(await behind.check()).toEqual({ ok: false, detail: `the key file lacks the generation ${generation}` })
    expect(await behind.read(path, '0')).toMatchObject({ ok: false, error: { code: 'SECRET_STORE_UNAVAILABLE' } })
    await expect(box.write(behind, 'two')).rejects.toThrow()
    await copyFile(box.keyFile, copy)
    expect(await behind.check()).toEqual({ ok: true, detail: 'sealed-box' })
    await box.write(behind, 'two')
    expect(await box.lost(behind)).toEqual([])
  })

  test('does not start, and its file stays as it is', async () => {
    await box.start()
    const copy = await copied()
    const text = await readFile(copy, 'utf8')
    const generation = await rotate()
    expect(await load(copy)).toMatchObject({
      ok: false,
      error: { code: 'CONFIGURATION_INVALID', message: expect.stringContaining(`lacks the generation ${generation}`) },
    })
    expect(await readFile(copy, 'utf8')).toBe(text)
  })

  test('goes on with what it knows when its file is lost or exchanged while it runs', async () => {
    const source = await box.start()
    await box.write(source, 'one')
    const before = await readFile(box.keyFile, 'utf8')
    await rotate()
    await box.write(source, 'two')
    await writeFile(box.keyFile, before, { mode: 0o600 })
    await box.write(source, 'three')
    expect(await box.lost(source)).toEqual([])
  })
})

test('a file with a line twice, an empty line inside or a line that is no key is refused', async () => {
  await box.start()
  const [first] = await lines()
  const other = Buffer.alloc(32, 7).toString('base64')
  for (const text of [`${first}\n${first}\n`, `${first}\n\n${other}\n`, `${first}\n${other.slice(1)}\n`]) {
    await writeFile(box.keyFile, text, { mode: 0o600 })
    expect(await load()).toMatchObject({ ok: false, error: { code: 'CONFIGURATION_INVALID' } })
  }
})

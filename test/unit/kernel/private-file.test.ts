import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { privateFileProblem, readPrivateFile } from '../../../src/kernel/private-file.ts'

const isRoot = process.getuid?.() === 0
const SOMEBODY = 65_533
let file: string

beforeEach(() => {
  file = join(mkdtempSync(join(tmpdir(), 'certlocker-private-')), 'key')
  writeFileSync(file, 'the key', { mode: 0o600 })
})
afterEach(() => rmSync(dirname(file), { recursive: true }))

describe('a private file', () => {
  test('of this user alone is read', async () => {
    expect(await readPrivateFile(file)).toEqual({ ok: true, value: 'the key' })
    expect(await privateFileProblem(file)).toBeUndefined()
  })

  test.each([0o640, 0o604, 0o660])('of mode %o is refused', async (mode) => {
    chmodSync(file, mode)
    expect(await privateFileProblem(file)).toBe(`${file} can be used by others than its owner: chmod 600 ${file}`)
    expect(await readPrivateFile(file)).toMatchObject({ ok: false, error: { code: 'CONFIGURATION_INVALID' } })
  })

  test.runIf(isRoot)('of another user is refused, whatever its mode', async () => {
    chownSync(file, SOMEBODY, SOMEBODY)
    expect(await privateFileProblem(file)).toBe(
      `${file} belongs to another user (uid ${SOMEBODY}): make it this user's (uid 0) or root's with chown`,
    )
    expect(await readPrivateFile(file)).toMatchObject({ ok: false, error: { code: 'CONFIGURATION_INVALID' } })
  })

  test.runIf(isRoot)('in a directory of another user is refused', async () => {
    chownSync(dirname(file), SOMEBODY, SOMEBODY)
    expect(await readPrivateFile(file)).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining(`${dirname(file)} belongs to another user`) },
    })
  })
})

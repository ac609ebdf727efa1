import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadAuditKey } from '../../../src/domain/audit/audit-key.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { must } from '../../support/audit.ts'
import { type TestDatabase, testDatabase } from '../../support/database.ts'

describe('the key of the audit log', () => {
  let database: TestDatabase
  let directory: string
  let keyFile: string
  const load = (file = keyFile) => loadAuditKey({ knex: database.knex, clock: systemClock, keyFile: file })

  beforeEach(async () => {
    database = await testDatabase()
    directory = mkdtempSync(join(tmpdir(), 'certlocker-key-'))
    keyFile = join(directory, 'data', 'audit', 'key.pem')
  })
  afterEach(async () => {
    await database.drop()
    rmSync(directory, { recursive: true, force: true })
  })

  test('is created once, for its owner only, and loaded ever after', async () => {
    const created = must(await load())
    expect(statSync(keyFile).mode & 0o777).toBe(0o600)
    expect(statSync(join(directory, 'data', 'audit')).mode & 0o777).toBe(0o700)
    const loaded = must(await load())
    expect(loaded.fingerprint).toBe(created.fingerprint)
    expect(loaded.origin).toBe(`certlocker/${created.fingerprint.slice(0, 16)}`)
    expect(created.publicPem).toContain('BEGIN PUBLIC KEY')
    expect(JSON.stringify(created)).not.toContain('PRIVATE')
  })

  test('is one key when replicas create it at the same time', async () => {
    const keys = (await Promise.all([load(), load(), load()])).map(must)
    expect(new Set(keys.map(({ fingerprint }) => fingerprint)).size).toBe(1)
  })

  test('is not made anew when the database knows one', async () => {
    must(await load())
    rmSync(keyFile)
    expect(await load()).toMatchObject({
      ok: false,
      error: { code: 'CONFIGURATION_INVALID', message: expect.stringContaining('is missing') },
    })
  })

  test('is refused when it is the key of another database', async () => {
    must(await load())
    const { privateKey } = generateKeyPairSync('ed25519')
    writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }))
    expect(await load()).toMatchObject({
      ok: false,
      error: { code: 'CONFIGURATION_INVALID', message: expect.stringContaining('does not fit the database') },
    })
  })

  test('is refused when others can get at it or its directory', async () => {
    must(await load())
    chmodSync(dirname(keyFile), 0o750)
    expect(await load()).toMatchObject({
      ok: false,
      error: { code: 'CONFIGURATION_INVALID', message: expect.stringContaining('chmod 700') },
    })
    chmodSync(dirname(keyFile), 0o700)
    chmodSync(keyFile, 0o640)
    expect(await load()).toMatchObject({
      ok: false,
      error: { code: 'CONFIGURATION_INVALID', message: expect.stringContaining('chmod 600') },
    })
  })

  test('is refused when the file is damaged, of another kind, or no file, and nothing of it is in the message', async () => {
    must(await load())
    const pem = readFileSync(keyFile, 'utf8')
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    for (const text of [pem.slice(0, 60), '', privateKey.export({ type: 'pkcs8', format: 'pem' })]) {
      writeFileSync(keyFile, text)
      expect(await load()).toMatchObject({
        ok: false,
        error: {
          code: 'CONFIGURATION_INVALID',
          message: `${keyFile} does not hold an Ed25519 private key (PKCS #8, PEM)`,
        },
      })
    }
    expect(await load(`${keyFile}/below`)).toMatchObject({
      ok: false,
      error: { code: 'CONFIGURATION_INVALID', message: expect.stringContaining('ENOTDIR') },
    })
  })
})

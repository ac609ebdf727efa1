import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { SecretSource } from '../../../src/domain/secrets/secret-source.ts'
import { Secret } from '../../../src/kernel/secret.ts'
import { valueOf } from '../../support/registry.ts'

/** What every store of secrets promises. Call it once per implementation, in a test file that sets one up. */
export function describeSecretSource(name: string, source: () => SecretSource): void {
  const freshPath = () => `secrets/sec_${randomBytes(6).toString('hex')}`
  const read = async (path: string, version: string) => valueOf(await source().read(path, version)).expose()

  describe(`${name} as a secret source`, () => {
    test.each([
      ['a password', 'correct horse battery staple'],
      ['a PEM file', '-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n'],
      ['what looks like JSON', '{"value": "x", "data": null}'],
      ['every kind of character', 'ä€😀\t"\\\u0001\u2028 '],
      ['one character', ' '],
      ['the longest value', '€'.repeat(21_845)],
    ])('gives back %s exactly', async (_, text) => {
      const path = freshPath()
      expect(await read(path, valueOf(await source().write(path, new Secret(text))))).toBe(text)
    })

    test('keeps every version under its own name, also when the values are the same', async () => {
      const path = freshPath()
      const versions: string[] = []
      for (const text of ['one', 'two', 'two']) versions.push(valueOf(await source().write(path, new Secret(text))))
      expect(new Set(versions).size).toBe(3)
      expect(await Promise.all(versions.map((version) => read(path, version)))).toEqual(['one', 'two', 'two'])
    })

    test('loses no write of many at once', async () => {
      const path = freshPath()
      const texts = Array.from({ length: 8 }, (_, index) => `value ${index}`)
      const versions = (await Promise.all(texts.map((text) => source().write(path, new Secret(text))))).map(valueOf)
      expect(await Promise.all(versions.map((version) => read(path, version)))).toEqual(texts)
    })

    test('keeps paths apart', async () => {
      const [one, other] = [freshPath(), freshPath()]
      const version = valueOf(await source().write(one, new Secret('one')))
      valueOf(await source().write(other, new Secret('other')))
      expect(await read(one, version)).toBe('one')
    })

    test('says that there is no value under a version or a path it never gave', async () => {
      const path = freshPath()
      const version = valueOf(await source().write(path, new Secret('one')))
      for (const [where, which] of [
        [path, '4711'],
        [path, 'x'],
        [path, ''],
        [path, '-1'],
        [path, `${version}0000000000000`],
        [freshPath(), version],
      ] as const) {
        expect(await source().read(where, which)).toMatchObject({ ok: false, error: { code: 'SECRET_VALUE_MISSING' } })
      }
    })

    test('is ready', async () => {
      expect(await source().check()).toMatchObject({ ok: true })
    })
  })
}

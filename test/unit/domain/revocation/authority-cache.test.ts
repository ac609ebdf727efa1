import { describe, expect, test } from 'vitest'
import { authorityCacheBounds, GenerationCache } from '../../../../src/domain/revocation/authority-cache.ts'

describe('an authority cache', () => {
  test('loads a key once for all who ask, and remembers it', async () => {
    const cache = new GenerationCache<string>()
    let loads = 0
    const load = async () => `load ${++loads}`
    expect(await Promise.all([cache.get('a', load), cache.get('a', load)])).toEqual(['load 1', 'load 1'])
    expect(await cache.get('a', load)).toBe('load 1')
  })

  test('remembers that nothing was found, until it is dropped', async () => {
    const cache = new GenerationCache<string | undefined>()
    expect(await cache.get('a', async () => undefined)).toBeUndefined()
    expect(await cache.get('a', async () => 'created')).toBeUndefined()
    cache.drop()
    expect(await cache.get('a', async () => 'created')).toBe('created')
  })

  test('loads a key anew after it was forgotten, and does not remember what came too late', async () => {
    const cache = new GenerationCache<string | undefined>()
    for (const known of ['known', undefined]) {
      await cache.get('a', async () => known)
      cache.forget('a')
      expect(await cache.get('a', async () => 'anew')).toBe('anew')
      cache.forget('a')
    }
    let arrives: (value: string) => void = () => undefined
    const late = new Promise<string>((resolve) => {
      arrives = resolve
    })
    const waiting = cache.get('b', () => late)
    cache.forget('b')
    expect(await cache.get('b', async () => 'anew')).toBe('anew')
    arrives('late')
    expect(await waiting).toBe('late')
    expect(await cache.get('b', async () => 'again')).toBe('anew')
  })

  test('does not remember a failure', async () => {
    const cache = new GenerationCache<string>()
    await expect(cache.get('a', () => Promise.reject(new Error('away')))).rejects.toThrow('away')
    expect(await cache.get('a', async () => 'there')).toBe('there')
  })

  test('forgets the oldest entry beyond its bound, and no entry for any number of misses', async () => {
    const cache = new GenerationCache<number | undefined>()
    for (let key = 0; key < authorityCacheBounds.entriesMax; key++) await cache.get(`key ${key}`, async () => key)
    for (let key = 0; key <= authorityCacheBounds.missesMax; key++)
      await cache.get(`miss ${key}`, async () => undefined)
    expect(await cache.get('key 0', async () => -1)).toBe(0)
    expect(await cache.get('miss 0', async () => -1)).toBe(-1)
    // The miss that turned into an entry was one beyond the bound.
    expect(await cache.get('key 0', async () => -2)).toBe(-2)
  })
})

/** Bounds of each cache of facts about rights. The oldest entry goes first. */
export const authorityCacheBounds = {
  entriesMax: 20_000,
  /** Keys for which nothing was found: bounded on their own, so that guesses cannot push real entries out. */
  missesMax: 2_000,
} as const

/** Facts about rights, remembered while the authority epoch stands. */
export interface AuthorityCache<T> {
  /**
   * The value under a key, loaded when it is not known under the present epoch. Concurrent loads of one key are one. What
   * a load that began under an older epoch brings is given to those who asked for it then, and forgotten. A failed load
   * is not remembered; `undefined` is.
   */
  get(key: string, load: () => Promise<T>): Promise<T>

  /** Forgets one key. What a load under way brings is given to those who wait for it, and not remembered. */
  forget(key: string): void
}

interface Entry<T> {
  readonly value: T
}

/** What is known under one epoch. It is dropped as a whole: a late load may still write here, where nobody looks. */
class Generation<T> {
  readonly entries = new Map<string, Entry<T>>()
  readonly misses = new Map<string, Entry<T>>()
  readonly loads = new Map<string, Promise<T>>()
}

/** An authority cache, and the way to empty it. */
export class GenerationCache<T> implements AuthorityCache<T> {
  #generation = new Generation<T>()

  async get(key: string, load: () => Promise<T>): Promise<T> {
    const { entries, misses, loads } = this.#generation
    const known = entries.get(key) ?? misses.get(key)
    if (known !== undefined) return known.value
    const underWay = loads.get(key)
    if (underWay !== undefined) return underWay
    const loading = load()
    loads.set(key, loading)
    try {
      const value = await loading
      if (loads.get(key) !== loading) return value
      if (value === undefined) remember(misses, key, value, authorityCacheBounds.missesMax)
      else remember(entries, key, value, authorityCacheBounds.entriesMax)
      return value
    } finally {
      if (loads.get(key) === loading) loads.delete(key)
    }
  }

  forget(key: string): void {
    const { entries, misses, loads } = this.#generation
    for (const known of [entries, misses, loads]) known.delete(key)
  }

  /** Forgets everything, and what loads under way will bring. */
  drop(): void {
    this.#generation = new Generation()
  }
}

function remember<T>(entries: Map<string, Entry<T>>, key: string, value: T, entriesMax: number): void {
  const oldest = entries.keys().next()
  if (entries.size >= entriesMax && oldest.done !== true) entries.delete(oldest.value)
  entries.set(key, { value })
}

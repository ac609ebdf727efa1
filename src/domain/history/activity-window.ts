/** What an agent did in a span of time, as the policy sees it. */
export interface Activity {
  readonly calls: number
  readonly denials: number
  /** Distinct names of resources that were refused. */
  readonly deniedNames: number
  /** Distinct secrets whose value was given out. */
  readonly distinctSecrets: number
  readonly productionReads: number
}

/** The names that one decision adds. */
export interface DeedNames {
  /** The refused name; '' when there is none. */
  readonly deniedName: string
  /** The id of the secret whose value was given out; '' when there is none. */
  readonly secretId: string
}

/** What one decision adds to an agent's activity. */
export interface Deed extends DeedNames {
  readonly atMs: number
  /** False for a further evaluation of a call that was counted. */
  readonly isNewCall: boolean
  readonly isDenied: boolean
  readonly isProductionRead: boolean
}

/** A window is this many buckets long, the one that is being filled included. */
export const windowBuckets = 60

/** Distinct names counted per window. A count that has reached this stays there: no budget is as wide. */
export const distinctNamesMax = 1024

type Counts = { -readonly [name in keyof Activity]: number }

/**
 * Counts over the last 60 buckets of a fixed length, in constant time per deed. A deed is forgotten as a whole with its
 * bucket. The window ends now or, when a replica's deed is ahead of us, with the latest deed.
 */
export class ActivityWindow {
  readonly #bucketMs: number
  readonly #buckets = Array.from({ length: windowBuckets }, noCounts)
  readonly #totals = noCounts()
  /** In which bucket a name was last seen; about in that order, so that those to forget come first. */
  readonly #deniedNames = new Map<string, number>()
  readonly #secrets = new Map<string, number>()
  #newest = 0

  constructor(bucketMs: number) {
    this.#bucketMs = bucketMs
  }

  add(deed: Deed): void {
    const at = Math.floor(deed.atMs / this.#bucketMs)
    this.#advance(at)
    if (!this.#covers(at)) return
    if (deed.isNewCall) this.#count(at, 'calls', 1)
    if (deed.isDenied) this.#count(at, 'denials', 1)
    if (deed.isProductionRead) this.#count(at, 'productionReads', 1)
    if (deed.deniedName !== '') this.#see(this.#deniedNames, deed.deniedName, at, 'deniedNames')
    if (deed.secretId !== '') this.#see(this.#secrets, deed.secretId, at, 'distinctSecrets')
  }

  /** @param underWay what was decided and is not yet on record; its names count too */
  at(nowMs: number, underWay: Iterable<DeedNames>): Activity {
    this.#advance(Math.floor(nowMs / this.#bucketMs))
    const fresh = { deniedNames: new Set<string>(), secrets: new Set<string>() }
    for (const { deniedName, secretId } of underWay) {
      if (deniedName !== '' && !this.#isCounted(this.#deniedNames, deniedName)) fresh.deniedNames.add(deniedName)
      if (secretId !== '' && !this.#isCounted(this.#secrets, secretId)) fresh.secrets.add(secretId)
    }
    return {
      ...this.#totals,
      deniedNames: Math.min(this.#totals.deniedNames + fresh.deniedNames.size, distinctNamesMax),
      distinctSecrets: Math.min(this.#totals.distinctSecrets + fresh.secrets.size, distinctNamesMax),
    }
  }

  #isCounted(names: ReadonlyMap<string, number>, name: string): boolean {
    const last = names.get(name)
    return last !== undefined && this.#covers(last)
  }

  #advance(to: number): void {
    const from = Math.max(this.#newest + 1, to - windowBuckets + 1)
    for (let bucket = from; bucket <= to; bucket++) this.#empty(this.#bucket(bucket))
    this.#newest = Math.max(this.#newest, to)
  }

  #empty(bucket: Counts): void {
    for (const name of countNames) {
      this.#totals[name] -= bucket[name]
      bucket[name] = 0
    }
  }

  /** A name counts in the bucket in which it was last seen, so that it leaves the total with that bucket. */
  #see(names: Map<string, number>, name: string, at: number, count: 'deniedNames' | 'distinctSecrets'): void {
    const last = names.get(name)
    if (last !== undefined && last >= at) return
    if (last !== undefined && this.#covers(last)) this.#count(last, count, -1)
    else if (last === undefined && !this.#hasRoom(names)) return
    names.delete(name)
    names.set(name, at)
    this.#count(at, count, 1)
  }

  #hasRoom(names: Map<string, number>): boolean {
    for (const [name, last] of names) {
      if (this.#covers(last)) break
      names.delete(name)
    }
    return names.size < distinctNamesMax
  }

  #count(at: number, name: keyof Activity, by: number): void {
    this.#bucket(at)[name] += by
    this.#totals[name] += by
  }

  #covers(bucket: number): boolean {
    return bucket > this.#newest - windowBuckets
  }

  #bucket(at: number): Counts {
    const bucket = this.#buckets[at % windowBuckets]
    if (bucket === undefined) throw new RangeError('a time before 1970')
    return bucket
  }
}

const countNames = ['calls', 'denials', 'deniedNames', 'distinctSecrets', 'productionReads'] as const

function noCounts(): Counts {
  return { calls: 0, denials: 0, deniedNames: 0, distinctSecrets: 0, productionReads: 0 }
}

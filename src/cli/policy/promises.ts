import { canonicalJson } from '../../kernel/canonical-json.ts'
import { ok, type Result } from '../../kernel/result.ts'
import type { Effect } from '../../kernel/vocabulary.ts'
import { type Sources, tunables } from './sources.ts'
import { readVectors } from './vectors.ts'

/** What one bundle carries of its authors' vectors at most; a question takes about 2 KB. */
const promiseBounds = { countMax: 1000, bytesMax: 1024 * 1024 } as const

/** A question, and the effect that the authors promise. */
export interface Promised {
  readonly name: string
  readonly input: object
  readonly effect: Effect
}

/**
 * The decision vectors of a company, as its bundle carries them for the gateway to ask. Those under other tunables than
 * the bundle's are left to `policy test`, as are those beyond the bounds: the first ones, in the order of the files, go in.
 */
export async function promises(sources: Sources): Promise<Result<readonly Promised[], string>> {
  const config = await tunables(sources)
  const vectors = await readVectors(sources.vectors, sources.fixtures, config)
  if (!vectors.ok) return vectors
  const own = canonicalJson(config)
  const promised: Promised[] = []
  let bytes = 0
  for (const { name, input, expect, config: under } of vectors.value) {
    if (canonicalJson(under) !== own) continue
    const one = { name: name.slice(0, NAME_CHARACTERS_MAX), input, effect: expect.effect }
    bytes += Buffer.byteLength(JSON.stringify(one))
    if (bytes > promiseBounds.bytesMax || promised.length === promiseBounds.countMax) break
    promised.push(one)
  }
  return ok(promised)
}

const NAME_CHARACTERS_MAX = 256

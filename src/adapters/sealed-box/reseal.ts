import type { Knex } from 'knex'
import { transaction } from '../postgres/transaction.ts'
import { type EnvelopePlace, seal, unseal } from './envelope.ts'

const BATCH_ROWS = 100

export interface Resealed {
  /** How many values were sealed anew. */
  readonly resealed: number
  /** The values that their key does not open, as `path version`. They stay as they are. */
  readonly damaged: readonly string[]
}

export interface ResealKeys {
  /** Fingerprint of the generation to seal with. */
  readonly current: string
  readonly keyEncryptionKeys: ReadonlyMap<string, Buffer>
}

interface Row {
  readonly path: string
  readonly version: number
  readonly key_id: string
  readonly wrapped_key: Buffer
  readonly sealed: Buffer
}

/**
 * Seals anew, a batch in a transaction, what is sealed with another generation. The value itself is encrypted again, under
 * a key of its own that is new: it is bound to the generation, and who had the old key may have the old keys of values.
 * @throws Error when `keys` lacks the current generation
 */
export async function resealAll(knex: Knex, keys: ResealKeys): Promise<Resealed> {
  const damaged: string[] = []
  let resealed = 0
  let after: Pick<Row, 'path' | 'version'> = { path: '', version: -1 }
  for (;;) {
    const rows: Row[] = await knex('sealed_values')
      .whereNot({ key_id: keys.current })
      .whereRaw('(path, version) > (?, ?)', [after.path, after.version])
      .orderBy(['path', 'version'])
      .limit(BATCH_ROWS)
      .select('path', 'version', 'key_id', 'wrapped_key', 'sealed')
    const last = rows.at(-1)
    if (last === undefined) return { resealed, damaged }
    const renewed = rows.map((row) => ({ row, columns: sealedAnew(row, keys) }))
    damaged.push(...renewed.flatMap(({ row, columns }) => (columns ? [] : [`${row.path} ${row.version}`])))
    resealed += await transaction(knex, async (trx) => {
      let updated = 0
      for (const { row, columns } of renewed) {
        const { path, version, key_id } = row
        // Another command may have been faster.
        if (columns) updated += await trx('sealed_values').where({ path, version, key_id }).update(columns)
      }
      return updated
    })
    after = last
  }
}

/** @returns undefined when the value does not open */
function sealedAnew(row: Row, { current, keyEncryptionKeys }: ResealKeys): Omit<Row, 'path' | 'version'> | undefined {
  const [from, to] = [keyEncryptionKeys.get(row.key_id), keyEncryptionKeys.get(current)]
  if (to === undefined) throw new Error(`there is no key to seal with for the generation ${current}`)
  const place: EnvelopePlace = { keyId: row.key_id, path: row.path, version: row.version }
  const text = from && opened(from, place, row)
  if (text === undefined) return undefined
  const { wrappedKey, sealed } = seal(to, { ...place, keyId: current }, text)
  return { key_id: current, wrapped_key: wrappedKey, sealed }
}

function opened(keyEncryptionKey: Buffer, place: EnvelopePlace, row: Row): string | undefined {
  try {
    return unseal(keyEncryptionKey, place, { wrappedKey: row.wrapped_key, sealed: row.sealed })
  } catch {
    return undefined
  }
}

import { unfitness } from '../kernel/bounded-text.ts'
import { digestOfText } from '../kernel/digest.ts'
import { err, ok, type Result } from '../kernel/result.ts'

/** The member of a request's `_meta` that marks two requests as one, for a client that did not get the answer. */
export const idempotencyKeyName = 'certlocker/idempotencyKey'

const idempotencyKeyCharactersMax = 256

/** The digest under which a key is kept; null when none was sent. The problem quotes no value. */
export function idempotencyKeyDigest(sent: unknown): Result<string | null, string> {
  if (sent === undefined) return ok(null)
  const isFit =
    typeof sent === 'string' &&
    sent.length > 0 &&
    sent.length <= idempotencyKeyCharactersMax &&
    unfitness(sent) === undefined
  if (isFit) return ok(digestOfText(sent))
  return err(`_meta["${idempotencyKeyName}"] has to be a text of 1 to ${idempotencyKeyCharactersMax} characters`)
}

import { ok, type Result } from '../../kernel/result.ts'

/** The result with its value changed; a refusal stays as it is. */
export function mapOk<T, U, E>(result: Result<T, E>, change: (value: T) => U): Result<U, E> {
  return result.ok ? ok(change(result.value)) : result
}

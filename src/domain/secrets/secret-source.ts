import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import type { Secret } from '../../kernel/secret.ts'

/** Names one value for ever within its path. Only the source that gave it understands it. */
export type StoreVersion = string

/** Where the values of secrets are kept. The registry keeps everything else, and pins each version to a store version. */
export interface SecretSource {
  readonly kind: 'sealed-box' | 'vault'

  /**
   * Stores a value durably as a new version. Earlier versions stay as they are, also when writes race.
   * @param path segments of `[A-Za-z0-9._-]`, separated by `/`
   * @returns SECRET_STORE_UNAVAILABLE when it cannot be said that the value is stored
   */
  write(path: string, value: Secret<string>): Promise<Result<StoreVersion, Fault>>

  /**
   * @returns exactly the value that was written under this path and version; SECRET_VALUE_MISSING when there is none,
   * SECRET_VALUE_DAMAGED when it is not intact, SECRET_STORE_UNAVAILABLE when the store gives no answer
   */
  read(path: string, version: StoreVersion): Promise<Result<Secret<string>, Fault>>

  /** For readiness: whether values can be read now. */
  check(): Promise<{ readonly ok: boolean; readonly detail: string }>
}

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
   * @param path the one that was written to or adopted
   * @returns exactly the value that was written under this path and version; SECRET_VALUE_MISSING when there is none,
   * SECRET_VALUE_DAMAGED when it is not intact, SECRET_STORE_UNAVAILABLE when the store gives no answer,
   * SECRET_STORE_REFUSED when it does not let the gateway in
   */
  read(path: string, version: StoreVersion): Promise<Result<Secret<string>, Fault>>

  /**
   * Looks up an entry that somebody else keeps in the store, as it is now; from then on it is read under this version.
   * @param path segments of `[A-Za-z0-9._-]`, separated by `/`
   * @param field the member of the entry that holds the value
   * @returns REFERENCE_UNKNOWN when there is no such entry or no text in that member; ARGUMENT_INVALID when the store
   * holds nothing of others or keeps the path for itself; or the faults of `read`
   */
  adopt(path: string, field: string): Promise<Result<StoreVersion, Fault>>

  /** For readiness: whether values can be read now. */
  check(): Promise<{ readonly ok: boolean; readonly detail: string }>
}

const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/
const SEGMENTS_MAX = 32

/** Whether a text is a path of segments that no URL parser, proxy or store takes for anything else. */
export function isStorePath(path: string): boolean {
  const segments = path.split('/')
  return segments.length <= SEGMENTS_MAX && segments.every((segment) => SEGMENT.test(segment))
}

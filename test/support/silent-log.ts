import type { Log } from '../../src/kernel/log.ts'

/** Where a test does not look at the log. */
export const silentLog: Log = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => silentLog,
}

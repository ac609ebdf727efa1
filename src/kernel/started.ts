import type { Log } from './log.ts'

/** What was started, to be stopped in the opposite order. */
export type Undo = (() => Promise<void>)[]

/**
 * Starts something that consists of parts, each of which adds how it is stopped.
 * @returns what was started, and how all of it is stopped
 * @throws what starting throws; nothing is left running then
 */
export async function started<T extends object>(
  log: Log,
  start: (undo: Undo) => Promise<T>,
): Promise<T & { stop(): Promise<void> }> {
  const undo: Undo = []
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) {
      await step().catch((error: unknown) => log.error('stopping failed', { error }))
    }
  }
  try {
    return { ...(await start(undo)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

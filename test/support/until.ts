import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 20
const PATIENCE_MS = 15_000

/** Waits until something is so, asking again and again. @throws when it is not so in time */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`not so within ${PATIENCE_MS} ms: ${isSo.toString()}`)
    await delay(POLL_MS)
  }
}

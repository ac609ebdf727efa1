import { watch } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

/** An editor writes a file in several steps; they count as one change. */
const SETTLE_MS = 100

/** Calls back at every change below the directories until the signal is aborted. */
export type Watcher = (directories: readonly string[], changed: () => void, signal: AbortSignal) => void

/** Does the work at once and again after every change, one run at a time, until the signal is aborted. */
export async function onEveryChange(
  directories: readonly string[],
  work: () => Promise<void>,
  signal: AbortSignal,
  watcher: Watcher = fileWatcher,
): Promise<void> {
  const news = { unseen: false, told: () => {} }
  const changed = () => {
    news.unseen = true
    news.told()
  }
  signal.addEventListener('abort', changed, { once: true })
  watcher(directories, changed, signal)
  while (!signal.aborted) {
    news.unseen = false
    await work()
    if (!news.unseen) await new Promise<void>((resolve) => (news.told = resolve))
  }
}

const fileWatcher: Watcher = (directories, changed, signal) => {
  for (const directory of directories) {
    watch(directory, { recursive: true, signal }, () => void pause(SETTLE_MS, undefined, { ref: false }).then(changed))
  }
}

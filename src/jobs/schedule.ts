import type { Log } from '../kernel/log.ts'

/** Something the gateway does again and again, whether or not anyone calls. */
export interface Job {
  readonly name: string
  readonly everyMs: number
  run(): Promise<unknown>
}

export interface Schedule {
  /** Starts no further run and waits for those under way. */
  stop(): Promise<void>
}

/** Runs each job by itself, the next run a pause after the last one ended. A failed run is logged and tried again. */
export function startSchedule(jobs: readonly Job[], log: Log): Schedule {
  let stopped = false
  const timers = new Map<string, NodeJS.Timeout>()
  const running = new Set<Promise<void>>()

  const wait = (job: Job): void => {
    if (stopped) return
    timers.set(job.name, setTimeout(() => start(job), job.everyMs).unref())
  }
  const start = (job: Job): void => {
    const run = job
      .run()
      .catch((error: unknown) => log.warn('job failed', { job: job.name, error }))
      .then(() => {
        running.delete(run)
        wait(job)
      })
    running.add(run)
  }
  for (const job of jobs) wait(job)

  return {
    async stop() {
      stopped = true
      for (const timer of timers.values()) clearTimeout(timer)
      await Promise.all(running)
    },
  }
}

import { execFileSync } from 'node:child_process'

/** Whether a process with exactly this command line runs on this machine. */
export function isRunning(command: string): boolean {
  return execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .split('\n')
    .some((line) => line === command)
}

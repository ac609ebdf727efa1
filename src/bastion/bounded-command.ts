import { quoted } from '../domain/ssh/command.ts'

/**
 * A command that its own host stops at the end of the session, with everything that it started: also when nobody is left
 * to tell it. Where the host has no `timeout`, the bastion alone stops it.
 */
export function boundedCommand(line: string, seconds: number): string {
  const run = `/bin/sh -c ${quoted(line)}`
  const script = `command -v timeout >/dev/null 2>&1 && exec timeout -s KILL ${Math.max(1, Math.ceil(seconds))} ${run}; exec ${run}`
  return `exec /bin/sh -c ${quoted(script)}`
}

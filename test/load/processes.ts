import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { childEnvironment } from '../../src/config/cli-environment.ts'

const TICKS_PER_SECOND = 100

/** A server under measurement in a process of its own. */
export interface ServerProcess {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
  /** As a crash of the machine's kind: nothing in the process gets to run any more. */
  kill(): Promise<void>
}

/** Starts a Node program that prints `… ready at URL` when it serves. */
export async function startServer(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<ServerProcess> {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...childEnvironment(), ...environment },
  })
  const url = await readyUrl(child)
  // A full pipe would stall the server's own log.
  child.stdout?.resume()
  return {
    url,
    pid: child.pid ?? 0,
    stop: () => end(child, 'SIGTERM'),
    kill: () => end(child, 'SIGKILL'),
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill(signal)
  await gone
}

async function readyUrl(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no output to read')
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /ready at (\S+)/.exec(line)?.[1]
    if (url !== undefined) return url
  }
  throw new Error('the server stopped before it was ready')
}

/** CPU seconds a process has used, its descendants apart. Linux only. */
export function cpuSeconds(pid: number): { readonly own: number; readonly descendants: number } {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .flatMap(statOf)
  const parents = new Map(all.map(({ pid: id, parent }) => [id, parent]))
  const isBelow = (id: number): boolean => {
    const parent = parents.get(id)
    return parent === pid || (parent !== undefined && parent > 1 && isBelow(parent))
  }
  const own = all.find(({ pid: id }) => id === pid)?.seconds ?? 0
  return { own, descendants: all.filter(({ pid: id }) => isBelow(id)).reduce((sum, { seconds }) => sum + seconds, 0) }
}

/** Resident memory now and at its highest, in MB. */
export function memoryMb(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kb = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0)
  return { now: kb('VmRSS') / 1024, peak: kb('VmHWM') / 1024 }
}

function statOf(pid: number): { pid: number; parent: number; seconds: number }[] {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return [{ pid, parent: Number(fields[1]), seconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND }]
  } catch {
    return []
  }
}

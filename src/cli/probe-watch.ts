import type { Command } from 'commander'
import { type Api, type Json, pause, restApi } from './api.ts'
import type { CliIo } from './io.ts'
import { listAll } from './noun-commands.ts'

const LOOK_MS = 1_000
const PROBES_MAX = 1_000

/** Adds `certlocker probes watch` to the group of the noun. */
export function registerProbeWatch(program: Command, io: CliIo): void {
  program.commands
    .find((command) => command.name() === 'probes')
    ?.command('watch')
    .description('Print each endpoint, and again whenever a probe found something else, until interrupted')
    .option('--json', 'one JSON document per line')
    .action((flags: Json) => watch(restApi(io.environment), flags['json'] === true, io))
}

async function watch(api: Api, isJson: boolean, { stdout, interrupted: signal }: CliIo): Promise<void> {
  let last: ReadonlyMap<unknown, unknown> = new Map()
  while (!signal.aborted) {
    const { items } = await listAll(api, '/probes', {}, PROBES_MAX)
    for (const item of items.toReversed()) {
      if (last.get(item['id']) !== item['verdict']) stdout.write(isJson ? `${JSON.stringify(item)}\n` : lineOf(item))
    }
    last = new Map(items.map(({ id, verdict }) => [id, verdict]))
    await pause(LOOK_MS, signal)
  }
}

function lineOf({ checkedAt, verdict, target }: Json): string {
  return `${shown(checkedAt)} ${shown(verdict).padEnd(17)} ${shown(target)}\n`
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : '-'
}

import type { Command } from 'commander'
import { type Api, type Json, pause, restApi } from './api.ts'
import { approvalSheet } from './approval-sheet.ts'
import type { CliIo } from './io.ts'
import { listAll } from './noun-commands.ts'

const LOOK_MS = 1_000
const PENDING_MAX = 1_000

/** Adds `certlocker approvals watch` to the group of the noun. */
export function registerApprovalWatch(program: Command, io: CliIo): void {
  program.commands
    .find((command) => command.name() === 'approvals')
    ?.command('watch')
    .description('Print what waits for a decision, and whatever comes, until interrupted')
    .option('--json', 'one JSON document per line')
    .action((flags: Json) => watch(restApi(io.environment), flags['json'] === true, io))
}

async function watch(api: Api, isJson: boolean, { stdout, interrupted: signal }: CliIo): Promise<void> {
  let shown: ReadonlySet<unknown> = new Set()
  while (!signal.aborted) {
    const { items } = await listAll(api, '/approvals', { status: 'pending' }, PENDING_MAX)
    for (const item of items.toReversed()) {
      if (!shown.has(item['id'])) stdout.write(isJson ? `${JSON.stringify(item)}\n` : `${approvalSheet(item)}\n`)
    }
    shown = new Set(items.map(({ id }) => id))
    await pause(LOOK_MS, signal)
  }
}

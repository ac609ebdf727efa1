import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { linesOf } from '../kernel/lines.ts'
import { pathOf, restApi } from './api.ts'
import type { CliIo } from './io.ts'

/** Silences are cut to so long. */
const PAUSE_SECONDS_MAX = 2

/** Adds `certlocker ssh-sessions play ID` to the noun's verbs. */
export function registerPlayCommand(program: Command, io: CliIo): void {
  const noun = program.commands.find((command) => command.name() === 'ssh-sessions')
  noun
    ?.command('play')
    .description('Show what was recorded of a session; that is on record')
    .argument('<id>', 'id of the session')
    .option('--fast', 'without the pauses')
    .option('--json', 'print the recording itself, asciicast v3')
    .action(async (id: string, { fast, json }: { readonly fast?: true; readonly json?: true }) => {
      const recording = await restApi(io.environment).stream(pathOf('/ssh-sessions/:id/recording', id))
      for await (const line of linesOf(recording)) {
        if (json === true) io.stdout.write(`${line}\n`)
        else await show(line, io, fast === true)
      }
    })
}

async function show(line: string, io: CliIo, isFast: boolean): Promise<void> {
  const event: unknown = JSON.parse(line)
  if (!Array.isArray(event)) return
  const [seconds, code, text]: unknown[] = event
  if (!isFast) await delay(Math.min(Number(seconds), PAUSE_SECONDS_MAX) * 1000)
  if (code === 'o') io.stdout.write(String(text))
  if (code === 'm') io.stdout.write(`\n--- ${String(text)}\n`)
}

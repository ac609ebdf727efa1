import { setTimeout as delay } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { linesOf } from '../kernel/lines.ts'
import { pathOf, restApi } from './api.ts'
import type { CliIo } from './io.ts'

/** Silences are cut to so long. */
const PAUSE_SECONDS_MAX = 2
const SPEED_MAX = 1_000

/** Adds `certlocker ssh-sessions play ID` to the noun's verbs. */
export function registerPlayCommand(program: Command, io: CliIo): void {
  const noun = program.commands.find((command) => command.name() === 'ssh-sessions')
  noun
    ?.command('play')
    .description('Show what was recorded of a session; that is on record')
    .argument('<id>', 'id of the session')
    .option('--speed <factor>', 'how many times as fast as it was', parseSpeed, 1)
    .option('--fast', 'without the pauses')
    .option('--json', 'print the recording itself, asciicast v3')
    .action(async (id: string, { speed, fast, json }: PlayFlags) => {
      const recording = await restApi(io.environment).stream(pathOf('/ssh-sessions/:id/recording', id))
      for await (const line of linesOf(recording)) {
        if (json === true) io.stdout.write(`${line}\n`)
        else await show(line, io, fast === true ? Number.POSITIVE_INFINITY : speed)
      }
    })
}

interface PlayFlags {
  readonly speed: number
  readonly fast?: true
  readonly json?: true
}

function parseSpeed(text: string): number {
  const speed = Number(text)
  if (speed > 0 && speed <= SPEED_MAX) return speed
  throw new InvalidArgumentError(`It is a number above 0, ${SPEED_MAX} at most.`)
}

async function show(line: string, io: CliIo, speed: number): Promise<void> {
  const event: unknown = JSON.parse(line)
  if (!Array.isArray(event)) return
  const [seconds, code, text]: unknown[] = event
  const pauseMs = (Math.min(Number(seconds), PAUSE_SECONDS_MAX) * 1000) / speed
  if (pauseMs >= 1) await delay(pauseMs)
  if (code === 'o') io.stdout.write(String(text))
  if (code === 'm') io.stdout.write(`\n--- ${String(text)}\n`)
}

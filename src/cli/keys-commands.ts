import type { Command } from 'commander'
import type { openKeys } from '../app.ts'
import { must } from '../kernel/fault.ts'
import { standardLog } from '../kernel/log.ts'
import { appRefusal } from './app-refusal.ts'
import { CliError, exitCodes } from './cli-error.ts'
import { type ConfigFlags, load } from './config-commands.ts'
import type { CliIo } from './io.ts'
import { sheet } from './table.ts'

interface KeysFlags extends ConfigFlags {
  readonly prepare?: true
}

type Keys = Awaited<ReturnType<typeof openKeys>>['keys']

/** What a command did. Fingerprints and numbers, never a key. */
interface Done {
  readonly generation?: string
  readonly resealed?: number
  readonly damaged?: readonly string[]
  readonly removed?: readonly string[]
}

/** Adds `certlocker keys rotate|reseal|prune`, which work on the database and the key file themselves. */
export function registerKeysCommands(program: Command, io: CliIo): void {
  const group = program.command('keys').description('The generations of the sealed-box key: where the gateway runs')
  const verb = (name: string, about: string, change: (keys: Keys, flags: KeysFlags) => Promise<Done>) =>
    group
      .command(name)
      .description(about)
      .option('--config <file>', 'configuration file (YAML or JSON)')
      .option('--json', 'print the answer as JSON')
      .action(async (flags: KeysFlags) => {
        const done = await changed(flags, change)
        io.stdout.write(flags.json ? `${JSON.stringify(done, null, 2)}\n` : sheet({ ...done }))
        if (done.damaged?.length)
          throw new CliError(exitCodes.failed, 'some values do not open with their key; they were left as they are')
      })
  verb('rotate', 'Seal with a new generation from now on, and everything older anew', rotate).option(
    '--prepare',
    'only put the next generation into the key file, to be copied to other replicas first',
  )
  verb('reseal', 'Seal anew what is sealed with an older generation, as after a rotation that broke off', reseal)
  verb('prune', 'Drop the older generations, unless a value still needs one', prune)
}

async function rotate(keys: Keys, { prepare }: KeysFlags): Promise<Done> {
  if (prepare) return { generation: must(await keys.prepare()) }
  const generation = must(await keys.advance())
  return { generation, ...(await reseal(keys)) }
}

async function reseal(keys: Keys): Promise<Done> {
  return must(await keys.reseal())
}

async function prune(keys: Keys): Promise<Done> {
  return { removed: must(await keys.prune()) }
}

async function changed(flags: KeysFlags, change: (keys: Keys, flags: KeysFlags) => Promise<Done>): Promise<Done> {
  const { config } = await load(flags)
  const app = await import('../app.ts')
  try {
    const opened = await app.openKeys(config, standardLog('warn'))
    try {
      return await change(opened.keys, flags)
    } finally {
      await opened.stop()
    }
  } catch (error) {
    throw appRefusal(error)
  }
}

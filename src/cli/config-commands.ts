import type { Command } from 'commander'
import { settingsEnvironment } from '../config/cli-environment.ts'
import { configTable, describeConfig } from '../config/describe-config.ts'
import { type LoadedConfig, loadConfig } from '../config/load-config.ts'
import { CliError, exitCodes } from './cli-error.ts'
import type { CliIo } from './io.ts'
import { table } from './table.ts'

interface ConfigFlags {
  readonly config?: string
  readonly json?: true
}

/** Adds `certlocker config check|print|schema`. */
export function registerConfigCommands(program: Command, io: CliIo): void {
  const config = program.command('config').description('The settings of the gateway')
  config
    .command('check')
    .description('Say everything that is wrong with the settings')
    .option('--config <file>', 'configuration file (YAML or JSON)')
    .action(async (flags: ConfigFlags) => {
      await load(flags)
      io.stdout.write('The configuration is valid\n')
    })
  config
    .command('print')
    .description('Print the settings in force and from where each comes; never a credential')
    .option('--config <file>', 'configuration file (YAML or JSON)')
    .option('--json', 'print them as JSON')
    .action(async (flags: ConfigFlags) => {
      const settings = describeConfig(await load(flags))
      const rows = settings.map((setting) => ({ ...setting }))
      io.stdout.write(flags.json ? `${JSON.stringify(settings, null, 2)}\n` : table(['key', 'value', 'origin'], rows))
    })
  config
    .command('schema')
    .description('Print every setting there is, as a Markdown table')
    .action(() => {
      io.stdout.write(configTable())
    })
}

/** @throws CliError with every problem and exit code 78 */
async function load({ config: file }: ConfigFlags): Promise<LoadedConfig> {
  const loaded = await loadConfig({ environment: settingsEnvironment(), ...(file === undefined ? {} : { file }) })
  if (loaded.ok) return loaded.value
  const problems = loaded.error.map(({ place, problem }) => `\n  ${place} ${problem}`).join('')
  throw new CliError(exitCodes.configuration, `the configuration is not valid:${problems}`)
}

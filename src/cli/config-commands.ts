import type { Command } from 'commander'
import { settingsEnvironment } from '../config/cli-environment.ts'
import { configSchema } from '../config/config.schema.ts'
import type { ConfigProblem } from '../config/config-problem.ts'
import { configTable, describeConfig } from '../config/describe-config.ts'
import { type ConfigSources, type LoadedConfig, loadConfig } from '../config/load-config.ts'
import { CliError, exitCodes } from './cli-error.ts'
import type { CliIo } from './io.ts'
import { table } from './table.ts'

export interface ConfigFlags {
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
    .option('--json', 'print the answer as JSON')
    .action(async (flags: ConfigFlags) => {
      const problems = await problemsOf(flags)
      if (flags.json) io.stdout.write(`${JSON.stringify({ ok: problems.length === 0, problems }, null, 2)}\n`)
      if (problems.length > 0) throw configProblems(problems)
      if (!flags.json) io.stdout.write('The configuration is valid\n')
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
    .option('--json', 'print them as a JSON Schema')
    .action(({ json }: Pick<ConfigFlags, 'json'>) => {
      io.stdout.write(json ? `${JSON.stringify(configSchema, null, 2)}\n` : configTable())
    })
}

/** @throws CliError with every problem and exit code 78 */
export async function load(flags: ConfigFlags): Promise<LoadedConfig> {
  const loaded = await loadConfig(sourcesOf(flags))
  if (loaded.ok) return loaded.value
  throw configProblems(loaded.error)
}

async function problemsOf(flags: ConfigFlags): Promise<readonly ConfigProblem[]> {
  const loaded = await loadConfig(sourcesOf(flags))
  return loaded.ok ? [] : loaded.error
}

function sourcesOf({ config: file }: ConfigFlags): ConfigSources {
  return { environment: settingsEnvironment(), ...(file === undefined ? {} : { file }) }
}

/** Every problem at once, as the end of a command. */
function configProblems(problems: readonly ConfigProblem[]): CliError {
  const lines = problems.map(({ place, problem }) => `\n  ${place} ${problem}`).join('')
  return new CliError(exitCodes.configuration, `the configuration is not valid:${lines}`)
}

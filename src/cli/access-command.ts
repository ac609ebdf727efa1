import { type Command, Option } from 'commander'
import { environments } from '../kernel/vocabulary.ts'
import { type Json, queryOf, restApi } from './api.ts'
import { accessColumns, accessRow } from './auditor-rows.ts'
import { CliError, exitCodes } from './cli-error.ts'
import type { CliIo } from './io.ts'
import { json, listAll, listText, parseLimit } from './noun-commands.ts'

const LIST_ITEMS = 100

/** Adds `certlocker access`, the auditor's question. */
export function registerAccessCommand(program: Command, io: CliIo): void {
  program
    .command('access')
    .description('Who can reach a resource or an environment: people and agents, by which path, with which effect')
    .option('--resource <name>', 'id or name of a secret or host')
    .addOption(
      new Option('--type <type>', 'which, where several share the name').choices(['certificate', 'host', 'secret']),
    )
    .addOption(new Option('--environment <environment>', 'everything of an environment').choices([...environments]))
    .option('--limit <number>', 'how many at most', parseLimit, LIST_ITEMS)
    .option('--json', 'print the answer as JSON')
    .action(async (flags: Json) => {
      if ((flags['resource'] === undefined) === (flags['environment'] === undefined))
        throw new CliError(exitCodes.usage, 'give either --resource or --environment')
      const query = queryOf(['resource', 'type', 'environment'], flags)
      const answer = await listAll(restApi(io.environment), '/access', query, Number(flags['limit']))
      const rows = { ...answer, items: answer.items.map(accessRow) }
      io.stdout.write(flags['json'] === true ? json(answer) : listText(['principal', ...accessColumns], rows))
    })
}

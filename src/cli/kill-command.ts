import type { Command } from 'commander'
import { type Json, restApi } from './api.ts'
import type { CliIo } from './io.ts'
import { json, listAll, listText, parseLimit } from './noun-commands.ts'
import { sheet, table } from './table.ts'

const LIST_ITEMS = 100

const kinds = [
  { kind: 'agent', argument: '<id>', about: 'Stop an agent', what: 'id or name' },
  { kind: 'owner', argument: '<id>', about: 'Stop every agent of a person', what: 'id or e-mail' },
  {
    kind: 'group',
    argument: '<id>',
    about: 'Stop every agent of a group, and new ones, until it is lifted',
    what: 'id or name',
  },
  { kind: 'all', argument: undefined, about: 'Stop every agent, and new ones, until it is lifted', what: '' },
] as const

/** Adds `certlocker kill`: the switch, its receipts, and how it is lifted. */
export function registerKillCommand(program: Command, io: CliIo): void {
  const kill = program.command('kill').description('Stop agents at once, on every replica, and prove it')
  for (const { kind, argument, about, what } of kinds) {
    const command = kill.command(kind).description(about)
    if (argument !== undefined) command.argument(argument, what)
    command
      .requiredOption('--reason <text>', 'why; kept in the audit log')
      .option('--revoke', 'end the agents for good instead of suspending them')
      .option('--drill', 'ask every replica whether it would act, and stop nothing')
      .option('--json', 'print the answer as JSON')
      .action(async () => {
        const [id] = command.processedArgs
        const { reason, revoke, drill, json: asJson } = command.opts<Json>()
        const body = { kind, reason, ...given({ id, revoke, drill }) }
        const answer = await restApi(io.environment).call('POST', '/kill', { body })
        io.stdout.write(asJson === true ? json(answer) : receiptText(answer))
      })
  }
  registerLooks(kill, io)
}

function registerLooks(kill: Command, io: CliIo): void {
  kill
    .command('list')
    .description('List uses of the switch')
    .option('--limit <number>', 'how many at most', parseLimit, LIST_ITEMS)
    .option('--json', 'print the answer as JSON')
    .action(async (flags: Json) => {
      const answer = await listAll(restApi(io.environment), '/kill', {}, Number(flags['limit']))
      const items = answer.items.map((item) => ({ ...item, target: targetOf(item) }))
      const columns = ['id', 'kind', 'target', 'inForce', 'createdAt', 'createdBy', 'reason']
      io.stdout.write(flags['json'] === true ? json(answer) : listText(columns, { ...answer, items }))
    })
  kill
    .command('show')
    .description('Show a use of the switch and who confirmed it')
    .argument('<id>', 'id of the kill')
    .option('--json', 'print the answer as JSON')
    .action(async (id: string, flags: Json) => {
      const answer = await restApi(io.environment).call('GET', `/kill/${encodeURIComponent(id)}`)
      io.stdout.write(flags['json'] === true ? json(answer) : receiptText(answer))
    })
  kill
    .command('lift')
    .description('Let agents be created and resumed again; those it suspended stay so until they are resumed')
    .argument('<id>', 'id of the kill')
    .requiredOption('--reason <text>', 'why; kept in the audit log')
    .option('--json', 'print the answer as JSON')
    .action(async (id: string, { reason, json: asJson }: Json) => {
      const body = { reason }
      const answer = await restApi(io.environment).call('POST', `/kill/${encodeURIComponent(id)}/lift`, { body })
      io.stdout.write(asJson === true ? json(answer) : receiptText(answer))
    })
}

/** The kill, and who confirmed it below. */
function receiptText(answer: Json): string {
  const { receipts, ...kill } = answer
  const rows = Array.isArray(receipts) ? receipts : []
  const columns = ['replica', 'confirmed', 'afterMs', 'epoch', 'callsCut', 'sshSessionsCut']
  return `${sheet({ ...kill, target: targetOf(kill) })}\n${table(columns, rows)}`
}

function targetOf({ kind, target }: Json): unknown {
  const { name }: { name?: unknown } = Object(target)
  return name ?? kind
}

function given(options: Json): Json {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

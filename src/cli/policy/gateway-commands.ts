import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { isObject, type Json, restApi } from '../api.ts'
import { CliError, exitCodes } from '../cli-error.ts'
import type { CliIo } from '../io.ts'
import { table } from '../table.ts'
import { print, reporting } from './reporting.ts'

const FLIPS_SHOWN = 10

type Flags = { readonly json?: boolean }

/** Adds `certlocker policy push|status|activate|discard|rollback`: what is done with bundles at a gateway. */
export function registerGatewayCommands(policy: Command, io: CliIo): void {
  policy
    .command('push')
    .description('Send a signed bundle to the gateway; exit code 3 when it is held because it widens access')
    .argument('<FILE>', 'the bundle')
    .option('--json', 'print JSON')
    .action(reporting(io, push))
  policy
    .command('status')
    .description('Show which policy decides, which bundles are held, and what was refused')
    .option('--json', 'print JSON')
    .action(reporting(io, status))
  policy
    .command('activate')
    .description('Let a held bundle decide; not for whoever pushed it')
    .argument('<DIGEST>', 'sha256:…, as status shows it')
    .option('--json', 'print JSON')
    .action(reporting(io, onHeld('activate')))
  policy
    .command('discard')
    .description('Drop a held bundle; not for whoever pushed it')
    .argument('<DIGEST>', 'sha256:…, as status shows it')
    .option('--json', 'print JSON')
    .action(reporting(io, onHeld('discard')))
  policy
    .command('rollback')
    .description('Go back to the bundle before, or to the one named; the impact gate is not asked')
    .argument('[DIGEST]', 'a bundle that was active before')
    .option('--json', 'print JSON')
    .action(reporting(io, rollback))
}

async function push(io: CliIo, file: string, { json }: Flags): Promise<void> {
  const answer = await restApi(io.environment).upload('/policy/bundle', await bytesOf(file), 'application/gzip')
  print(io, json, answer, outcomeText(answer))
  if (answer['state'] === 'held') throw new CliError(exitCodes.denied, '')
}

async function status(io: CliIo, { json }: Flags): Promise<void> {
  const answer = await restApi(io.environment).call('GET', '/policy')
  print(io, json, answer, statusText(answer))
}

function onHeld(verb: 'activate' | 'discard') {
  return async (io: CliIo, digest: string, { json }: Flags): Promise<void> => {
    const answer = await restApi(io.environment).call('POST', `/policy/held/${encodeURIComponent(digest)}/${verb}`, {
      body: {},
    })
    print(io, json, answer, outcomeText(answer))
  }
}

async function rollback(io: CliIo, digest: string | undefined, { json }: Flags): Promise<void> {
  const body = digest === undefined ? {} : { digest }
  const answer = await restApi(io.environment).call('POST', '/policy/rollback', { body })
  print(io, json, answer, outcomeText(answer))
}

async function bytesOf(file: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(file))
}

function outcomeText({ state, digest, report }: Json): string {
  const said = `${String(state)}  ${String(digest)}`
  if (!isObject(report)) return said
  const { decisions, widened, narrowed, approvals, flips } = report
  const counted = `Of ${String(decisions)} recorded decisions: ${String(widened)} widened, ${String(narrowed)} narrowed, ${String(approvals)} between approval and the rest`
  const shown = Array.isArray(flips) ? flips.filter(isObject) : []
  const rows = shown.slice(0, FLIPS_SHOWN).map((flip) => ({ ...flip, ...calledOf(flip['input']) }))
  const listed =
    rows.length === 0 ? '' : `\n${table(['kind', 'before', 'after', 'code', 'who', 'action', 'what'], rows)}`
  const next =
    state === 'held'
      ? `\nIt widens access beyond policy.wideningBudget. Another admin decides: certlocker policy activate ${String(digest)}, or discard`
      : ''
  return `${said}\n${counted}${listed}${next}`.trimEnd()
}

/** Who asked for what, in a policy input. */
function calledOf(input: unknown): Json {
  const member = (of: unknown, name: string): unknown => (isObject(of) ? of[name] : undefined)
  return {
    who: member(member(input, 'principal'), 'name'),
    action: member(member(input, 'call'), 'action'),
    what: member(member(input, 'resource'), 'name'),
  }
}

function statusText({ active, sequenceFloor, held, history, lastError }: Json): string {
  const serving = isObject(active)
    ? `active  ${String(active['digest'])}  ${String(active['revision'])}, sequence ${String(active['sequence'])}`
    : 'active  none: every answer is deny'
  const columns = ['state', 'digest', 'revision', 'sequence', 'source', 'pushedBy', 'changedAt']
  const rows = [held, history].flatMap((list) => (Array.isArray(list) ? list.filter(isObject) : []))
  const unique = [...new Map(rows.map((row) => [row['digest'], row])).values()]
  const refused = isObject(lastError)
    ? `\nLast refused: ${String(lastError['code'])}: ${String(lastError['detail'])} (${String(lastError['source'])}, ${String(lastError['at'])})`
    : ''
  return `${serving}\nfloor   sequence ${String(sequenceFloor)}\n${table(columns, unique)}${refused}`.trimEnd()
}

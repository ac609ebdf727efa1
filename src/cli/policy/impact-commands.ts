import { type Command, InvalidArgumentError, Option } from 'commander'
import { Readable } from 'node:stream'
import { diffBundles } from '../../policy/analysis/bundle-diff.ts'
import type { PolicyInput } from '../../policy/input.schema.ts'
import { type Impact, replay } from '../../policy/replay.ts'
import { restApi } from '../api.ts'
import { CliError, exitCodes } from '../cli-error.ts'
import type { CliIo } from '../io.ts'
import { type DiffFormat, diffFormats, diffOutput } from './impact-formats.ts'
import { loadBundle } from './load-bundle.ts'
import { decisionsIn, decisionsInFile, type RecordedDecision, type Window } from './recorded-decisions.ts'
import { table } from '../table.ts'
import { print, reporting } from './reporting.ts'

/** Adds `certlocker policy diff|replay`: what a bundle would change. */
export function registerImpactCommands(policy: Command, io: CliIo): void {
  policy
    .command('diff')
    .description('Show which calls two bundles answer differently, each with the facts that it takes')
    .argument('<OLD>', 'the bundle that decides now')
    .argument('<NEW>', 'the bundle that would decide')
    .option('--decisions <EXPORT>', 'recorded calls: an audit export (ndjson)')
    .option('--budget <N>', 'how many calls may be widened; beyond it the exit code is 1', wholeNumber, 0)
    .addOption(new Option('--format <FORMAT>', 'how to print').choices(diffFormats).default('text'))
    .option('--json', 'the same as --format json')
    .action(reporting(io, diff))
  policy
    .command('replay')
    .description('Put recorded calls to a bundle, and show which it answers differently than the record does')
    .argument('<FILE>', 'the bundle')
    .option('--decisions <EXPORT>', 'an audit export (ndjson); without it, the gateway is asked for one')
    .option('--from <TIME>', 'only calls from this moment on, such as 2026-03-01T09:30:00Z')
    .option('--to <TIME>', 'only calls before this moment')
    .option('--json', 'print JSON')
    .action(reporting(io, replayed))
}

interface DiffFlags {
  readonly decisions?: string
  readonly budget: number
  readonly format: DiffFormat
  readonly json?: boolean
}

async function diff(io: CliIo, old: string, fresh: string, flags: DiffFlags): Promise<void> {
  const { decisions, budget, json, format } = flags
  const recorded = decisions === undefined ? [] : inputsOf(decisionsInFile(decisions))
  const found = await diffBundles(await loadBundle(old), await loadBundle(fresh), recorded)
  io.stdout.write(`${diffOutput(found, budget, json === true ? 'json' : format)}\n`)
  if (found.widened > budget) throw new CliError(exitCodes.failed, '')
}

interface ReplayFlags extends Window {
  readonly decisions?: string
  readonly json?: boolean
}

async function replayed(io: CliIo, file: string, flags: ReplayFlags): Promise<void> {
  const { policy } = await loadBundle(file)
  const answers = new WeakMap<PolicyInput, RecordedDecision>()
  const impact = await replay(remembered(await recordedBy(io, flags), answers), {
    before: (input) => answers.get(input)?.decision ?? policy.decide(input),
    after: (input) => policy.decide(input),
  })
  print(io, flags.json, impact, replayText(impact, answers))
}

async function recordedBy(io: CliIo, { decisions, from, to }: ReplayFlags): Promise<AsyncIterable<RecordedDecision>> {
  if (decisions !== undefined) return decisionsInFile(decisions, { ...(from && { from }), ...(to && { to }) })
  const bytes = await restApi(io.environment).stream('/audit/export', { from, to })
  return decisionsIn('the export', Readable.fromWeb(bytes as Parameters<typeof Readable.fromWeb>[0]))
}

async function* inputsOf(decisions: AsyncIterable<RecordedDecision>): AsyncGenerator<PolicyInput> {
  for await (const { input } of decisions) yield input
}

async function* remembered(
  decisions: AsyncIterable<RecordedDecision>,
  answers: WeakMap<PolicyInput, RecordedDecision>,
): AsyncGenerator<PolicyInput> {
  for await (const recorded of decisions) {
    answers.set(recorded.input, recorded)
    yield recorded.input
  }
}

function replayText(impact: Impact, answers: WeakMap<PolicyInput, RecordedDecision>): string {
  const { decisions, widened, narrowed, approvals, flips } = impact
  const rows = flips.map(({ input, before, after, code, rule }) => {
    const { at, decisionId } = answers.get(input) ?? {}
    const { principal, call, resource } = input
    return { at, decisionId, who: principal.name, action: call.action, what: resource.name, before, after, code, rule }
  })
  const counted = `${widened} widened, ${narrowed} narrowed, ${approvals} between approval and the rest, of ${decisions} recorded calls`
  const columns = ['at', 'decisionId', 'who', 'action', 'what', 'before', 'after', 'code', 'rule']
  return rows.length === 0 ? counted : `${table(columns, rows)}${counted}`
}

function wholeNumber(given: string): number {
  if (!/^\d{1,15}$/.test(given)) throw new InvalidArgumentError('A whole number is needed.')
  return Number(given)
}

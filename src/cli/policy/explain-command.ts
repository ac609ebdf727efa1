import { type Command, Option } from 'commander'
import { explain, type Explanation } from '../../policy/analysis/explain.ts'
import { inputProblem, isPolicyInput } from '../../policy/input-check.ts'
import { isObject, type Json, restApi } from '../api.ts'
import { CliError, exitCodes } from '../cli-error.ts'
import type { CliIo } from '../io.ts'
import { inputGiven } from './input-given.ts'
import { loadBundle } from './load-bundle.ts'
import { print, reporting } from './reporting.ts'

/** Adds `certlocker policy explain`. */
export function registerExplainCommand(policy: Command, io: CliIo): void {
  policy
    .command('explain')
    .description(
      'Explain the answer to a call: its reasons, where they are written, and the least that would change it',
    )
    .addOption(new Option('--decision <ID>', 'a decision on record at the gateway').conflicts(['input', 'bundle']))
    .option('--input <JSON>', 'a call that was made up: a file, - for standard input, or the JSON itself')
    .option('--bundle <FILE>', 'with --input: the bundle that answers, in place of the gateway')
    .option('--json', 'print JSON')
    .action(reporting(io, explained))
}

interface Flags {
  readonly decision?: string
  readonly input?: string
  readonly bundle?: string
  readonly json?: boolean
}

async function explained(io: CliIo, { decision, input, bundle, json }: Flags): Promise<void> {
  if (decision === undefined && input === undefined)
    throw new CliError(exitCodes.usage, 'Give --decision ID, or --input with a certlocker.input/v1 document')
  const given = input === undefined ? undefined : await inputGiven(io, input)
  const explanation = bundle === undefined ? await atGateway(io, decision, given) : await offline(bundle, given)
  print(io, json, explanation, explanationText(explanation))
}

function atGateway(io: CliIo, decisionId: string | undefined, input: unknown): Promise<Json> {
  const body = decisionId === undefined ? { input } : { decisionId }
  return restApi(io.environment).call('POST', '/policy/evaluate', { body })
}

async function offline(file: string, input: unknown): Promise<Explanation> {
  if (!isPolicyInput(input))
    throw new CliError(exitCodes.usage, `--input is no certlocker.input/v1 document: ${inputProblem(input) ?? ''}`)
  const { bundle, policy } = await loadBundle(file)
  return explain(bundle, (question) => policy.decide(question), input)
}

function explanationText({ effect, reasons, obligations, leastChange }: Json | Explanation): string {
  return [
    String(effect),
    ...objects(reasons).flatMap(reasonLines),
    ...objects(obligations).map(({ type, properties }) => `  obligation ${String(type)} ${JSON.stringify(properties)}`),
    ...(isObject(leastChange) ? changeLines(leastChange) : ['Nothing was found that would change the answer.']),
  ].join('\n')
}

function reasonLines({ code, title, rule, place, facts }: Json): readonly string[] {
  const where = isObject(place) ? `${String(place['file'])}:${String(place['line'])}` : String(rule)
  const because = objects(facts).map(({ path, value }) => `      ${String(path)} = ${JSON.stringify(value)}`)
  return [`  ${String(code)}  ${oneLine(title)}  (${where})`, ...because]
}

function changeLines({ effect, changes }: Json): readonly string[] {
  const lines = objects(changes).map(
    ({ path, from, to }) => `  ${String(path)} = ${JSON.stringify(to)}, not ${JSON.stringify(from)}`,
  )
  return [`It would be ${String(effect)} with`, ...lines]
}

function objects(list: unknown): readonly Json[] {
  return Array.isArray(list) ? list.filter(isObject) : []
}

/** What a policy says of a call may hold what its agent wrote. */
function oneLine(text: unknown): string {
  return String(text).replaceAll(/\p{Cc}/gu, '�')
}

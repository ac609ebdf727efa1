import { type Command, InvalidArgumentError } from 'commander'
import { CliError, exitCodes } from '../cli-error.ts'
import type { CliIo } from '../io.ts'
import { registerAuthoringCommands } from './authoring-commands.ts'
import { buildBundle, writeBundle } from './build.ts'
import { evaluateBundle } from './eval.ts'
import { registerExplainCommand } from './explain-command.ts'
import { registerImpactCommands } from './impact-commands.ts'
import { inputGiven } from './input-given.ts'
import { resolveOpa } from './opa-tool.ts'
import { print, reporting } from './reporting.ts'

/** Adds `certlocker policy build|init|lint|test|diff|replay|explain|eval|tools`. Findings and failures end in exit code 1. */
export function registerPolicyCommands(program: Command, io: CliIo): void {
  const policy = program.command('policy').description('Build, examine and prove the policy')
  policy
    .command('build')
    .description('Compile the shipped rules and the directories to a bundle, and print its digest')
    .argument('[DIR...]', "directories with a company's rules")
    .requiredOption('-o, --output <FILE>', 'where to write the bundle')
    .option('--revision <TEXT>', 'what the bundle calls itself')
    .option('--sequence <N>', 'a gateway never goes back to a lower one', wholeNumber)
    .option('--json', 'print JSON')
    .action(reporting(io, build))
  registerAuthoringCommands(policy, io)
  registerImpactCommands(policy, io)
  registerExplainCommand(policy, io)
  policy
    .command('eval')
    .description('Print the decision of a bundle on one input')
    .argument('<FILE>', 'the bundle')
    .requiredOption('--input <JSON>', 'the input: a file, - for standard input, or the JSON itself')
    .option('--json', 'print JSON')
    .action(reporting(io, evaluate))
  policy
    .command('tools')
    .description('Find or obtain the pinned opa')
    .option('--json', 'print JSON')
    .action(reporting(io, tools))
}

interface OutputOptions {
  readonly json?: boolean
}

interface BuildCommandOptions extends OutputOptions {
  readonly output: string
  readonly revision?: string
  readonly sequence?: number
}

async function build(io: CliIo, directories: readonly string[], flags: BuildCommandOptions): Promise<void> {
  const { output, json, ...how } = flags
  const built = await buildBundle({ directories, ...how })
  if (!built.ok) throw new CliError(exitCodes.failed, built.error)
  await writeBundle(built.value, output)
  const { bytes, ...facts } = built.value
  print(io, json, { ...facts, file: output, bytes: bytes.length }, facts.digest)
}

async function evaluate(io: CliIo, file: string, flags: OutputOptions & { readonly input: string }): Promise<void> {
  const decision = await evaluateBundle(file, await inputGiven(io, flags.input))
  if (!decision.ok) throw new CliError(exitCodes.failed, decision.error)
  const { effect, reasons, obligations } = decision.value
  const lines = reasons.map(({ code, title, rule }) => `  ${code}  ${title}  (${rule})`)
  const duties = obligations.map(({ type, properties }) => `  obligation ${type} ${JSON.stringify(properties)}`)
  print(io, flags.json, decision.value, [effect, ...lines, ...duties].join('\n'))
}

async function tools(io: CliIo, { json }: OutputOptions): Promise<void> {
  const tool = await resolveOpa()
  if (!tool.ok) throw new CliError(exitCodes.failed, tool.error)
  print(io, json, { opa: tool.value }, `opa  ${tool.value.path}  (${tool.value.from})`)
}

function wholeNumber(given: string): number {
  if (!/^\d{1,15}$/.test(given)) throw new InvalidArgumentError('A whole number is needed.')
  return Number(given)
}

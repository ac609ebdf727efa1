import { readFile } from 'node:fs/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { CliError, exitCodes } from '../cli-error.ts'
import type { CliIo } from '../io.ts'
import { buildBundle, writeBundle } from './build.ts'
import { evaluateBundle } from './eval.ts'
import { findingText } from './finding.ts'
import { lintPolicies } from './lint.ts'
import { resolveOpa } from './opa-tool.ts'
import { OpaMissingError } from './run-opa.ts'
import { coverageThreshold, type TestReport, testPolicies } from './test.ts'

/** Adds `certlocker policy build|lint|test|eval|tools`. Findings and failures end in exit code 1. */
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
  policy
    .command('lint')
    .description('Examine format, types, shapes, METADATA and codes')
    .argument('[DIR...]', "directories with a company's rules")
    .addOption(formats())
    .option('--json', 'the same as --format json')
    .action(reporting(io, lint))
  policy
    .command('test')
    .description(`Run the Rego tests (${coverageThreshold} % coverage) and the decision vectors on WASM and opa eval`)
    .argument('[DIR...]', "directories with a company's rules, tests, fixtures and vectors")
    .addOption(formats())
    .option('--json', 'the same as --format json')
    .action(reporting(io, test))
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
  readonly format?: string
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

async function lint(io: CliIo, directories: readonly string[], flags: OutputOptions): Promise<void> {
  const findings = await lintPolicies(directories)
  const summary =
    findings.length === 0 ? 'No findings' : `${findings.length} finding${findings.length === 1 ? '' : 's'}`
  print(io, wantsJson(flags), { findings }, [...findings.map(findingText), summary].join('\n'))
  if (findings.length > 0) throw new CliError(exitCodes.failed, '')
}

async function test(io: CliIo, directories: readonly string[], flags: OutputOptions): Promise<void> {
  const report = await testPolicies(directories)
  print(io, wantsJson(flags), report, reportText(report))
  if (report.failures.length > 0) throw new CliError(exitCodes.failed, '')
}

function reportText({ failures, regoTests, vectors, coverage }: TestReport): string {
  const summary = `${regoTests} Rego tests, ${vectors} vectors on WASM and opa eval, coverage ${coverage} %, ${failures.length} failed`
  return [...failures.map(({ kind, where, what }) => `${where}: ${kind}: ${what}`), summary].join('\n')
}

async function evaluate(io: CliIo, file: string, flags: OutputOptions & { readonly input: string }): Promise<void> {
  const decision = await evaluateBundle(file, await inputGiven(io, flags.input))
  if (!decision.ok) throw new CliError(exitCodes.failed, decision.error)
  const { effect, reasons, obligations } = decision.value
  const lines = reasons.map(({ code, title, rule }) => `  ${code}  ${title}  (${rule})`)
  const duties = obligations.map(({ type, properties }) => `  obligation ${type} ${JSON.stringify(properties)}`)
  print(io, flags.json, decision.value, [effect, ...lines, ...duties].join('\n'))
}

async function inputGiven(io: CliIo, given: string): Promise<unknown> {
  const text = await inputText(io, given)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CliError(
      exitCodes.usage,
      `--input is no JSON (${error instanceof Error ? error.message : ''}): give a certlocker.input/v1 document`,
      error,
    )
  }
}

async function inputText(io: CliIo, given: string): Promise<string> {
  if (given === '-') return io.stdin()
  return given.trimStart().startsWith('{') ? given : readFile(given, 'utf8')
}

async function tools(io: CliIo, { json }: OutputOptions): Promise<void> {
  const tool = await resolveOpa()
  if (!tool.ok) throw new CliError(exitCodes.failed, tool.error)
  print(io, json, { opa: tool.value }, `opa  ${tool.value.path}  (${tool.value.from})`)
}

/** What the caller can mend is told in few words; a bug is left to throw. */
export function reporting<Arguments extends readonly unknown[]>(
  io: CliIo,
  action: (io: CliIo, ...given: Arguments) => Promise<void>,
) {
  return async (...given: Arguments): Promise<void> => {
    try {
      await action(io, ...given)
    } catch (error) {
      if (error instanceof OpaMissingError || error instanceof SyntaxError)
        throw new CliError(exitCodes.failed, error.message, error)
      if (isFileError(error)) throw new CliError(exitCodes.usage, fileProblem(error), error)
      throw error
    }
  }
}

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && fileErrors.has(error.code)
}

function fileProblem({ path = 'a file', code = '', syscall }: NodeJS.ErrnoException): string {
  const wanted = syscall === 'scandir' ? "an existing directory with a company's policies" : 'an existing file'
  return `${path} ${fileErrors.get(code)}: give ${wanted}`
}

const fileErrors: ReadonlyMap<unknown, string> = new Map([
  ['ENOENT', 'does not exist'],
  ['ENOTDIR', 'is no directory'],
  ['EISDIR', 'is a directory'],
  ['EACCES', 'may not be used by this user'],
])

/** Prints the value as JSON where that was asked for, else the text. */
export function print(io: CliIo, json: boolean | undefined, value: unknown, text: string): void {
  io.stdout.write(json === true ? `${JSON.stringify(value, null, 2)}\n` : `${text}\n`)
}

function formats(): Option {
  return new Option('--format <FORMAT>', 'how to print').choices(['text', 'json']).default('text')
}

function wantsJson({ format, json }: OutputOptions): boolean {
  return json === true || format === 'json'
}

function wholeNumber(given: string): number {
  if (!/^\d{1,15}$/.test(given)) throw new InvalidArgumentError('A whole number is needed.')
  return Number(given)
}

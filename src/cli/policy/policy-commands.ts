import { readFile } from 'node:fs/promises'
import { text as readStream } from 'node:stream/consumers'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { buildBundle, writeBundle } from './build.ts'
import { evaluateBundle } from './eval.ts'
import { findingText } from './finding.ts'
import { lintPolicies } from './lint.ts'
import { resolveOpa } from './opa-tool.ts'
import { OpaMissingError } from './run-opa.ts'
import { coverageThreshold, type TestReport, testPolicies } from './test.ts'

/**
 * Adds `policy build|lint|test|eval|tools`. Exit codes: 0 done and clean, 1 findings or failures, 2 usage. Every action
 * sets `process.exitCode`; none ends the process.
 */
export function registerPolicyCommands(program: Command): void {
  const policy = program.command('policy').description('build, examine and prove the policy')
  policy
    .command('build')
    .description('compile the shipped rules and the directories to a bundle, and print its digest')
    .argument('[DIR...]', "directories with a company's rules")
    .requiredOption('-o, --output <FILE>', 'where to write the bundle')
    .option('--revision <TEXT>', 'what the bundle calls itself')
    .option('--sequence <N>', 'a gateway never goes back to a lower one', wholeNumber)
    .option('--json', 'for programs')
    .action(reporting(build))
  policy
    .command('lint')
    .description('examine format, types, shapes, METADATA and codes')
    .argument('[DIR...]', "directories with a company's rules")
    .addOption(formats())
    .option('--json', 'the same as --format json')
    .action(reporting(lint))
  policy
    .command('test')
    .description(`run the Rego tests (${coverageThreshold} % coverage) and the decision vectors on WASM and opa eval`)
    .argument('[DIR...]', "directories with a company's rules, tests, fixtures and vectors")
    .addOption(formats())
    .option('--json', 'the same as --format json')
    .action(reporting(test))
  policy
    .command('eval')
    .description('the decision of a bundle on one input')
    .argument('<FILE>', 'the bundle')
    .requiredOption('--input <JSON>', 'the input: a file, - for standard input, or the JSON itself')
    .option('--json', 'for programs')
    .action(reporting(evaluate))
  policy
    .command('tools')
    .description('find or obtain the pinned opa')
    .option('--json', 'for programs')
    .action(reporting(tools))
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

async function build(directories: readonly string[], { output, json, ...how }: BuildCommandOptions): Promise<void> {
  const built = await buildBundle({ directories, ...how })
  if (!built.ok) return failed(built.error)
  await writeBundle(built.value, output)
  const { bytes, ...facts } = built.value
  print(json, { ...facts, file: output, bytes: bytes.length }, facts.digest)
}

async function lint(directories: readonly string[], options: OutputOptions): Promise<void> {
  const findings = await lintPolicies(directories)
  if (findings.length > 0) process.exitCode = 1
  const summary =
    findings.length === 0 ? 'No findings' : `${findings.length} finding${findings.length === 1 ? '' : 's'}`
  print(wantsJson(options), { findings }, [...findings.map(findingText), summary].join('\n'))
}

async function test(directories: readonly string[], options: OutputOptions): Promise<void> {
  const report = await testPolicies(directories)
  if (report.failures.length > 0) process.exitCode = 1
  print(wantsJson(options), report, reportText(report))
}

function reportText({ failures, regoTests, vectors, coverage }: TestReport): string {
  const summary = `${regoTests} Rego tests, ${vectors} vectors on WASM and opa eval, coverage ${coverage} %, ${failures.length} failed`
  return [...failures.map(({ kind, where, what }) => `${where}: ${kind}: ${what}`), summary].join('\n')
}

async function evaluate(file: string, { input, json }: OutputOptions & { readonly input: string }): Promise<void> {
  const decision = await evaluateBundle(file, await parsedInput(input))
  if (!decision.ok) return failed(decision.error)
  const { effect, reasons, obligations } = decision.value
  const lines = reasons.map(({ code, title, rule }) => `  ${code}  ${title}  (${rule})`)
  const duties = obligations.map(({ type, properties }) => `  obligation ${type} ${JSON.stringify(properties)}`)
  print(json, decision.value, [effect, ...lines, ...duties].join('\n'))
}

async function parsedInput(given: string): Promise<unknown> {
  const source =
    given === '-' ? readStream(process.stdin) : given.trimStart().startsWith('{') ? given : readFile(given, 'utf8')
  return JSON.parse(await source)
}

async function tools({ json }: OutputOptions): Promise<void> {
  const tool = await resolveOpa()
  if (!tool.ok) return failed(tool.error)
  print(json, { opa: tool.value }, `opa  ${tool.value.path}  (${tool.value.from})`)
}

/** What an operator can mend is told in one line or few; a bug is left to throw. */
function reporting<Arguments extends readonly unknown[]>(action: (...given: Arguments) => Promise<void>) {
  return async (...given: Arguments): Promise<void> => {
    try {
      await action(...given)
    } catch (error) {
      if (!(error instanceof OpaMissingError || error instanceof SyntaxError || isFileError(error))) throw error
      failed(error.message)
    }
  }
}

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EACCES')
  )
}

function failed(message: string): void {
  process.stderr.write(`${message}\n`)
  process.exitCode = 1
}

function print(json: boolean | undefined, value: unknown, text: string): void {
  process.stdout.write(json === true ? `${JSON.stringify(value, null, 2)}\n` : `${text}\n`)
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

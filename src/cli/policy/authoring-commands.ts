import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { CliError, exitCodes } from '../cli-error.ts'
import type { CliIo } from '../io.ts'
import { initRepository } from './init.ts'
import { isClean, mutationText } from './mutation/mutation-text.ts'
import { mutatePolicies } from './mutation/mutate.ts'
import { lintPolicies } from './lint.ts'
import { type LintFormat, lintFormats, lintOutput } from './lint-formats.ts'
import { packageRoot } from './package-root.ts'
import { coverageThreshold } from './rego-tests.ts'
import { print, reporting } from './reporting.ts'
import { testPolicies } from './test.ts'
import { type TestFormat, testFormats, testOutput } from './test-formats.ts'
import { onEveryChange } from './watch.ts'

/** Adds what somebody needs who writes rules: `policy init|lint|test|mutate`. */
export function registerAuthoringCommands(policy: Command, io: CliIo): void {
  policy
    .command('init')
    .description('Make a repository for the rules of a company, ready to lint, test and ship')
    .argument('<COMPANY>', 'its name in the package custom.<company>: small letters, digits and underscores')
    .argument('[DIR]', 'an empty or missing directory', '.')
    .option('--json', 'print JSON')
    .action(reporting(io, init))
  policy
    .command('lint')
    .description('Examine format, types, shapes, METADATA and codes')
    .argument('[DIR...]', "directories with a company's rules")
    .addOption(new Option('--format <FORMAT>', 'how to print').choices(lintFormats).default('text'))
    .option('--json', 'the same as --format json')
    .action(reporting(io, lint))
  policy
    .command('test')
    .description(`Run the Rego tests (${coverageThreshold} % coverage) and the decision vectors on WASM and opa eval`)
    .argument('[DIR...]', "directories with a company's rules, tests, fixtures and vectors")
    .addOption(new Option('--format <FORMAT>', 'how to print').choices(testFormats).default('text'))
    .option('--json', 'the same as --format json')
    .option('--watch', 'run again after every change, until interrupted')
    .action(reporting(io, test))
  policy
    .command('mutate')
    .description('Change the rules in one place at a time, and tell which changes no test and no vector notices')
    .argument('[DIR...]', "directories with a company's rules, tests, fixtures and vectors")
    .addOption(new Option('--format <FORMAT>', 'how to print').choices(['text', 'json']).default('text'))
    .option('--json', 'the same as --format json')
    .action(reporting(io, mutate))
}

interface FormatOptions<Format extends string> {
  readonly format: Format
  readonly json?: boolean
}

async function init(io: CliIo, company: string, directory: string, { json }: { readonly json?: boolean }) {
  const made = await initRepository(company, directory)
  if (!made.ok) throw new CliError(exitCodes.usage, made.error)
  const next = ['lint', 'test'].map((verb) => `  certlocker policy ${verb} ${directory}`)
  print(io, json, made.value, [...made.value.files, '', 'Next, and again after every change:', ...next].join('\n'))
}

async function lint(io: CliIo, directories: readonly string[], { format, json }: FormatOptions<LintFormat>) {
  const findings = await lintPolicies(directories)
  io.stdout.write(`${lintOutput(findings, json === true ? 'json' : format)}\n`)
  if (findings.length > 0) throw new CliError(exitCodes.failed, '')
}

interface TestOptions extends FormatOptions<TestFormat> {
  readonly watch?: boolean
}

async function test(io: CliIo, directories: readonly string[], { format, json, watch }: TestOptions) {
  const run = async () => {
    const report = await testPolicies(directories)
    io.stdout.write(`${testOutput(report, json === true ? 'json' : format)}\n`)
    return report.failures.length === 0
  }
  if (watch === true) return onEveryChange(watched(directories), async () => void (await run()), io.interrupted)
  if (!(await run())) throw new CliError(exitCodes.failed, '')
}

function watched(directories: readonly string[]): readonly string[] {
  return directories.length === 0 ? ['policies', 'policy-tests'].map((name) => join(packageRoot, name)) : directories
}

async function mutate(io: CliIo, directories: readonly string[], { format, json }: FormatOptions<'text' | 'json'>) {
  const report = await mutatePolicies(directories, (done, of, survived) => {
    if (done % PROGRESS_EVERY === 0 || done === of) io.stderr.write(`${done} of ${of} mutants, ${survived} survived\n`)
  })
  if (!report.ok) throw new CliError(exitCodes.failed, report.error)
  print(io, json === true || format === 'json', report.value, mutationText(report.value))
  if (!isClean(report.value)) throw new CliError(exitCodes.failed, '')
}

/** Mutants between two lines of progress. */
const PROGRESS_EVERY = 50

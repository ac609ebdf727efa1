import { cp, mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { bundleDirectory } from './in-stage.ts'
import { type OpaRun, runOpa } from './run-opa.ts'
import type { Sources } from './sources.ts'
import type { TestCase, TestFailure } from './test-report.ts'

/** The least share of a policy's lines that its Rego tests must reach, in percent. */
export const coverageThreshold = 95

export interface RegoReport {
  readonly regoTests: number
  /** Percent of the lines of the policies under test; 0 while a Rego test fails. */
  readonly coverage: number
  readonly passed: readonly TestCase[]
  readonly failures: readonly TestFailure[]
}

/** Runs the Rego tests in a stage that holds the policies, and measures which of their lines they reach. */
export async function runRegoTests(sources: Sources, stage: string): Promise<RegoReport> {
  if (sources.tests.length === 0) return nothing('*_test.rego', 'there is no test')
  await stageTests(sources, stage)
  const [run, coverage] = await Promise.all([opaTest(stage, []), opaTest(stage, ['--coverage'])])
  if (!run.stdout.startsWith('[')) return nothing('opa test', told(run))
  const results: readonly RegoResult[] = JSON.parse(run.stdout)
  const cases = results.flatMap((result) => casesOf(result, sources))
  const passed = cases.filter(({ failed }) => !failed).map(({ suite, name, seconds }) => ({ suite, name, seconds }))
  const failures = results.filter(isFailure).map((result) => failure(result, sources))
  const report = { regoTests: results.length, passed, failures }
  if (failures.length > 0) return { ...report, coverage: 0 }
  return { ...report, ...coverageOf(JSON.parse(coverage.stdout), sources) }
}

/** Lays tests and fixtures beside the policies, as `opa test` loads them: fixtures are `data.fixtures`. */
export async function stageTests({ tests, fixtures }: Sources, stage: string): Promise<void> {
  for (const [index, { path, name }] of tests.entries()) await copyTo(path, join(stage, 'tests', `${index}`, name))
  for (const { path } of fixtures) await copyTo(path, join(stage, 'tests', 'fixtures', basename(path)))
}

function nothing(where: string, what: string): RegoReport {
  const failure: TestFailure = { kind: 'rego', suite: 'rego', name: where, where, what, diff: [] }
  return { regoTests: 0, coverage: 0, passed: [], failures: [failure] }
}

async function copyTo(path: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true })
  await cp(path, target)
}

/** `opa test` gives a test 5 seconds, which a table of a hundred rows may need on a busy machine. */
const TEST_TIMEOUT = '120s'

/** Runs the tests of a stage. */
export async function opaTest(stage: string, more: readonly string[]): Promise<OpaRun> {
  const how = ['--format', 'json', '--timeout', TEST_TIMEOUT, ...more]
  return runOpa(['test', ...how, bundleDirectory, 'tests'], { cwd: stage })
}

interface RegoResult {
  readonly name: string
  readonly package: string
  /** Nanoseconds. */
  readonly duration: number
  readonly location: { readonly file: string; readonly row: number }
  readonly fail?: boolean
  readonly error?: unknown
  readonly sub_results?: Readonly<Record<string, { readonly fail?: boolean }>>
}

function isFailure({ fail, error }: RegoResult): boolean {
  return fail === true || error !== undefined
}

/** A test that goes through a table is a case for each of its rows. */
function casesOf(result: RegoResult, sources: Sources) {
  const { name, duration, sub_results = {} } = result
  const suite = placeOf(result, sources).path
  const rows = Object.entries(sub_results)
  const seconds = duration / 1e9 / Math.max(1, rows.length)
  return rows.length === 0
    ? [{ suite, name, seconds, failed: isFailure(result) }]
    : rows.map(([row, { fail = false }]) => ({ suite, name: `${name}: ${row}`, seconds, failed: fail }))
}

function failure(result: RegoResult, sources: Sources): TestFailure {
  const { name, location, sub_results = {} } = result
  const cases = Object.entries(sub_results).filter(([, { fail }]) => fail)
  const what = cases.length === 0 ? name : `${name}: ${cases.map(([which]) => which).join('; ')}`
  const { path } = placeOf(result, sources)
  return { kind: 'rego', suite: path, name: what, where: `${path}:${location.row}`, what, diff: [] }
}

function placeOf({ location }: RegoResult, { tests }: Sources): { readonly path: string } {
  const index = Number(/^tests\/(\d+)\//u.exec(location.file)?.[1])
  return tests[index] ?? { path: location.file }
}

interface CoverageReport {
  readonly files: Readonly<Record<string, FileCoverage>>
}

interface FileCoverage {
  readonly covered_lines?: number
  readonly not_covered_lines?: number
  readonly not_covered?: readonly { readonly start: { readonly row: number } }[]
}

function coverageOf({ files }: CoverageReport, sources: Sources): Pick<RegoReport, 'coverage' | 'failures'> {
  const tested = sources.company.length === 0 ? sources.shipped : sources.company
  let covered = 0
  let missed = 0
  const places: string[] = []
  for (const { path, name } of tested) {
    const { covered_lines = 0, not_covered_lines = 0, not_covered = [] } = files[`${bundleDirectory}/${name}`] ?? {}
    covered += covered_lines
    missed += not_covered_lines
    places.push(...not_covered.map(({ start }) => `${path}:${start.row}`))
  }
  const coverage = covered + missed === 0 ? 100 : Math.floor((1000 * covered) / (covered + missed)) / 10
  if (coverage >= coverageThreshold) return { coverage, failures: [] }
  const what = `${coverage} % of the lines are tested, ${coverageThreshold} % are needed; not reached: ${places.join(' ')}`
  const where = 'opa test --coverage'
  return { coverage, failures: [{ kind: 'coverage', suite: 'rego', name: 'coverage', where, what, diff: [] }] }
}

function told({ stdout, stderr }: OpaRun): string {
  return (stderr || stdout).trim()
}

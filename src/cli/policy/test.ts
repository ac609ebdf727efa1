import { cp, mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { canonicalJson } from '../../kernel/canonical-json.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { readBundle } from '../../policy/bundle.ts'
import { checkDecision } from '../../policy/decision-check.ts'
import { compileModule, instantiate } from '../../policy/wasm-instance.ts'
import { buildBundle } from './build.ts'
import { callIdOf } from './eval.ts'
import { bundleDirectory, inStage } from './in-stage.ts'
import { type OpaRun, runOpa } from './run-opa.ts'
import { findSources, type Sources, tunables } from './sources.ts'
import { disappointment, readVectors, type Vector } from './vectors.ts'

/** The least share of a policy's lines that its Rego tests must reach, in percent. */
export const coverageThreshold = 95

export interface TestReport {
  readonly regoTests: number
  readonly vectors: number
  /** Percent of the lines of the policies under test; 0 while a Rego test fails. */
  readonly coverage: number
  readonly failures: readonly TestFailure[]
}

export interface TestFailure {
  readonly kind: 'rego' | 'coverage' | 'vector' | 'build'
  readonly where: string
  readonly what: string
}

/**
 * Proves a policy: its Rego tests with coverage, and its decision vectors on the built WASM and on `opa eval`, whose
 * decisions must be equal. Without directories the shipped policy; else the company's, on top of the shipped one.
 */
export async function testPolicies(directories: readonly string[]): Promise<TestReport> {
  const sources = await findSources(directories)
  return inStage(sources, {}, async (stage) => {
    const rego = await runRegoTests(sources, stage)
    const vectors = await runVectors(directories, sources, stage)
    return { ...rego, vectors: vectors.count, failures: [...rego.failures, ...vectors.failures] }
  })
}

interface RegoReport {
  readonly regoTests: number
  readonly coverage: number
  readonly failures: readonly TestFailure[]
}

async function runRegoTests(sources: Sources, stage: string): Promise<RegoReport> {
  for (const [index, { path, name }] of sources.tests.entries())
    await copyTo(path, join(stage, 'tests', `${index}`, name))
  for (const { path } of sources.fixtures) await copyTo(path, join(stage, 'tests', 'fixtures', basename(path)))
  if (sources.tests.length === 0) {
    return { regoTests: 0, coverage: 0, failures: [{ kind: 'rego', where: '*_test.rego', what: 'there is no test' }] }
  }
  const run = await opaTest(stage, [])
  if (!run.stdout.startsWith('['))
    return { regoTests: 0, coverage: 0, failures: [{ kind: 'rego', where: 'opa test', what: told(run) }] }
  const results: readonly RegoResult[] = JSON.parse(run.stdout)
  const failures = results
    .filter(({ fail, error }) => fail || error !== undefined)
    .map((result) => failure(result, sources))
  if (failures.length > 0) return { regoTests: results.length, coverage: 0, failures }
  const report: CoverageReport = JSON.parse((await opaTest(stage, ['--coverage'])).stdout)
  return { regoTests: results.length, ...coverageOf(report, sources) }
}

async function copyTo(path: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true })
  await cp(path, target)
}

async function opaTest(stage: string, more: readonly string[]): Promise<OpaRun> {
  return runOpa(['test', '--format', 'json', ...more, bundleDirectory, 'tests'], { cwd: stage })
}

interface RegoResult {
  readonly name: string
  readonly package: string
  readonly location: { readonly file: string; readonly row: number }
  readonly fail?: boolean
  readonly error?: unknown
  readonly sub_results?: Readonly<Record<string, { readonly fail?: boolean }>>
}

function failure({ name, location, sub_results = {} }: RegoResult, sources: Sources): TestFailure {
  const index = Number(/^tests\/(\d+)\//.exec(location.file)?.[1])
  const cases = Object.entries(sub_results).filter(([, { fail }]) => fail)
  const which = cases.length === 0 ? '' : `: ${cases.map(([which]) => which).join('; ')}`
  return {
    kind: 'rego',
    where: `${sources.tests[index]?.path ?? location.file}:${location.row}`,
    what: `${name}${which}`,
  }
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
  return { coverage, failures: [{ kind: 'coverage', where: 'opa test --coverage', what }] }
}

async function runVectors(directories: readonly string[], sources: Sources, stage: string) {
  const vectors = await readVectors(sources.vectors, sources.fixtures, await tunables(sources))
  if (!vectors.ok) return { count: 0, failures: [{ kind: 'vector', where: 'vectors', what: vectors.error }] as const }
  const count = vectors.value.length
  if (count === 0) return { count, failures: [] }
  const [wasm, rego] = await Promise.all([onWasm(directories, vectors.value), onOpaEval(stage, vectors.value)])
  if (!wasm.ok) return { count, failures: [{ kind: 'build', where: 'opa build', what: wasm.error }] as const }
  const failures = vectors.value.flatMap((vector, index) => vectorFailures(vector, wasm.value[index], rego[index]))
  return { count, failures }
}

function vectorFailures(vector: Vector, wasm: unknown, rego: unknown): TestFailure[] {
  const where = `${vector.file}: ${vector.name}`
  const decision = checkDecision(wasm, callIdOf(vector.input))
  if (!decision.ok) return [{ kind: 'vector', where, what: `the gateway would refuse it: ${decision.error.problem}` }]
  const what = disappointment(vector, decision.value) ?? difference(wasm, rego)
  return what === undefined ? [] : [{ kind: 'vector', where, what }]
}

/** Every list of a decision is sorted by the policy itself, so that canonical texts can be compared as they are. */
function difference(wasm: unknown, rego: unknown): string | undefined {
  return rego !== undefined && canonicalJson(wasm) === canonicalJson(rego)
    ? undefined
    : `WASM and opa eval differ: ${JSON.stringify(wasm)} and ${JSON.stringify(rego)}`
}

async function onWasm(directories: readonly string[], vectors: readonly Vector[]): Promise<Result<unknown[], string>> {
  const built = await buildBundle({ directories })
  if (!built.ok) return built
  const bundle = readBundle(built.value.bytes)
  if (!bundle.ok) return err(bundle.error.detail)
  const module = compileModule(bundle.value)
  if (!module.ok) return err(module.error.detail)
  const decisions: unknown[] = []
  for (const { input, config } of vectors) {
    const instance = instantiate(module.value, { certlocker: { config } })
    if (!instance.ok) return err(instance.error.detail)
    decisions.push(instance.value.evaluate(input))
  }
  return ok(decisions)
}

/** One run for all vectors: starting `opa` costs more than a hundred decisions. */
async function onOpaEval(stage: string, vectors: readonly Vector[]): Promise<readonly unknown[]> {
  const query =
    '[d | some [asked, config] in input; d := data.certlocker.main.decision with input as asked with data.certlocker.config as config]'
  const stdin = JSON.stringify(vectors.map(({ input, config }) => [input, config]))
  const run = await runOpa(['eval', '--data', bundleDirectory, '--stdin-input', '--format', 'json', query], {
    cwd: stage,
    stdin,
  })
  if (run.exitCode !== 0) throw new Error(`opa eval: ${told(run)}`)
  const { result = [] }: { result?: { expressions: { value: unknown[] }[] }[] } = JSON.parse(run.stdout)
  return result[0]?.expressions[0]?.value ?? []
}

function told({ stdout, stderr }: OpaRun): string {
  return (stderr || stdout).trim()
}

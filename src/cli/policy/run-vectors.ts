import { canonicalJson } from '../../kernel/canonical-json.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { readBundle } from '../../policy/bundle.ts'
import { checkDecision } from '../../policy/decision-check.ts'
import { compileModule, instantiate } from '../../policy/wasm-instance.ts'
import { buildBundle } from './build.ts'
import { disappointment } from './disappointment.ts'
import { callIdOf } from './eval.ts'
import { bundleDirectory } from './in-stage.ts'
import { type OpaRun, runOpa } from './run-opa.ts'
import { type Sources, tunables } from './sources.ts'
import type { TestCase, TestFailure } from './test-report.ts'
import { readVectors, type Vector } from './vectors.ts'

export interface VectorReport {
  readonly vectors: number
  readonly passed: readonly TestCase[]
  readonly failures: readonly TestFailure[]
}

/** Asks every vector of the built WASM and of `opa eval`; both must answer alike, and as expected. */
export async function runVectors(
  directories: readonly string[],
  sources: Sources,
  stage: string,
): Promise<VectorReport> {
  const vectors = await readVectors(sources.vectors, sources.fixtures, await tunables(sources))
  if (!vectors.ok) return broken(0, 'vector', 'vectors', vectors.error)
  const count = vectors.value.length
  if (count === 0) return { vectors: count, passed: [], failures: [] }
  const [wasm, rego] = await Promise.all([onWasm(directories, vectors.value), onOpaEval(stage, vectors.value)])
  if (!wasm.ok) return broken(count, 'build', 'opa build', wasm.error)
  const failures = vectors.value.map((vector, index) => vectorFailure(vector, wasm.value[index], rego[index]))
  const passed = vectors.value.filter((_, index) => failures[index] === undefined)
  return {
    vectors: count,
    passed: passed.map(({ file, name }) => ({ suite: file, name, seconds: 0 })),
    failures: failures.filter((failure) => failure !== undefined),
  }
}

function broken(vectors: number, kind: TestFailure['kind'], where: string, what: string): VectorReport {
  return { vectors, passed: [], failures: [{ kind, suite: where, name: where, where, what, diff: [] }] }
}

function vectorFailure({ file, name, input, expect }: Vector, wasm: unknown, rego: unknown): TestFailure | undefined {
  const place = { kind: 'vector', suite: file, name, where: `${file}: ${name}` } as const
  const decision = checkDecision(wasm, callIdOf(input))
  if (!decision.ok) return { ...place, what: `the gateway would refuse it: ${decision.error.problem}`, diff: [] }
  const disappointed = disappointment(expect, decision.value)
  if (disappointed !== undefined) return { ...place, ...disappointed }
  const what = difference(wasm, rego)
  return what === undefined ? undefined : { ...place, what, diff: [] }
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

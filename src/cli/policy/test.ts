import { inStage } from './in-stage.ts'
import { runRegoTests } from './rego-tests.ts'
import { runVectors } from './run-vectors.ts'
import { findSources } from './sources.ts'

export interface TestReport {
  readonly regoTests: number
  readonly vectors: number
  /** Percent of the lines of the policies under test; 0 while a Rego test fails. */
  readonly coverage: number
  readonly passed: readonly TestCase[]
  readonly failures: readonly TestFailure[]
}

export interface TestCase {
  /** The file that holds it. */
  readonly suite: string
  readonly name: string
  readonly seconds: number
}

export interface TestFailure {
  readonly kind: 'rego' | 'coverage' | 'vector' | 'build'
  readonly suite: string
  readonly name: string
  readonly where: string
  readonly what: string
  /** Expected and found, line by line; empty where a sentence says it all. */
  readonly diff: readonly string[]
}

/**
 * Proves a policy: its Rego tests with coverage, and its decision vectors on the built WASM and on `opa eval`, whose
 * decisions must be equal. Without directories the shipped policy; else the company's, on top of the shipped one.
 */
export async function testPolicies(directories: readonly string[]): Promise<TestReport> {
  const sources = await findSources(directories)
  return inStage(sources, {}, async (stage) => {
    const [rego, vectors] = await Promise.all([runRegoTests(sources, stage), runVectors(directories, sources, stage)])
    return {
      ...rego,
      vectors: vectors.vectors,
      passed: [...rego.passed, ...vectors.passed],
      failures: [...rego.failures, ...vectors.failures],
    }
  })
}

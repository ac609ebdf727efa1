import { inStage } from './in-stage.ts'
import { runRegoTests } from './rego-tests.ts'
import { runVectors } from './run-vectors.ts'
import { findSources } from './sources.ts'
import type { TestReport } from './test-report.ts'

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

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

/** Any number does; the same one finds the same. */
const SEED = 20_261_123

export interface Fuzzing {
  readonly numRuns: number
  readonly seed: number
}

/**
 * How much is tried, and from where on: the same in every run of the tests, so that what is red is red again.
 * `npm run test:fuzz` begins elsewhere each time, and goes on longer.
 * @param runs as many as fit into every run of the tests; `FUZZ_TIMES` of them are done, from `FUZZ_SEED` on
 */
export function fuzzing(runs: number): Fuzzing {
  const times = Number(process.env['FUZZ_TIMES'] ?? 1)
  return { numRuns: runs * times, seed: Number(process.env['FUZZ_SEED'] ?? SEED) }
}

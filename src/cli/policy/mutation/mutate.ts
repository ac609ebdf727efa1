import { readFile } from 'node:fs/promises'
import { err, ok, type Result } from '../../../kernel/result.ts'
import { bundleDirectory, inStage } from '../in-stage.ts'
import { opaTest, stageTests } from '../rego-tests.ts'
import { findSources, type SourceFile, type Sources, tunables } from '../sources.ts'
import { readVectors } from '../vectors.ts'
import { MutantStage, stageVectors } from './mutant-stage.ts'
import { type Mutation, mutationsOf } from './mutations.ts'
import { parseTree } from './source-tree.ts'
import { type Explanation, readExplanations } from './survivors.ts'

const WORKERS = 2

export interface MutationReport {
  readonly mutants: number
  readonly killed: number
  /** Changes that do not compile, which no test has to find. */
  readonly invalid: number
  readonly survivors: readonly Survivor[]
  /** Explanations of mutants that do not survive, or do not exist any more. */
  readonly stale: readonly Explanation[]
  readonly seconds: number
}

export interface Survivor {
  /** Where it lies, and its name in the bundle. */
  readonly path: string
  readonly file: string
  readonly line: number
  readonly source: string
  readonly change: string
  /** Why nothing killed it. */
  readonly why: string
  /** The reason of the committed list why it may survive. */
  readonly explained?: string
}

/** Told after every mutant. */
export type Progress = (done: number, of: number, survived: number) => void

/**
 * Changes the policy in one place at a time and runs its tests and vectors: a mutant that none of them notices shows what
 * nobody checks. Without directories the shipped rules are changed, else the company's.
 * @returns the report; or what has to be mended first, such as a test that fails without any change
 */
export async function mutatePolicies(
  directories: readonly string[],
  progress: Progress,
): Promise<Result<MutationReport, string>> {
  const startedAt = performance.now()
  const sources = await findSources(directories)
  const explanations = await readExplanations(sources.survivors)
  if (!explanations.ok) return explanations
  const vectors = await readVectors(sources.vectors, sources.fixtures, await tunables(sources))
  if (!vectors.ok) return vectors
  return inStage(sources, {}, async (stage) => {
    await stageTests(sources, stage)
    await stageVectors(stage, vectors.value)
    const reached = await reachedLines(stage)
    if (!reached.ok) return reached
    const candidates = await mutantsOf(sources, directories)
    const verdicts = await judgeAll(stage, candidates, progress)
    const survived = candidates.filter((_, index) => verdicts[index] === 'survived')
    return ok({
      mutants: candidates.length - verdicts.filter((verdict) => verdict === 'invalid').length,
      killed: verdicts.filter((verdict) => verdict === 'killed').length,
      invalid: verdicts.filter((verdict) => verdict === 'invalid').length,
      survivors: survived.map((one) => survivor(one, reached.value, explanations.value)),
      stale: explanations.value.filter((one) => !survived.some((candidate) => explains(one, candidate))),
      seconds: Math.round((performance.now() - startedAt) / 1000),
    })
  })
}

interface Candidate {
  readonly file: SourceFile
  readonly mutation: Mutation
}

async function mutantsOf({ shipped, company }: Sources, directories: readonly string[]): Promise<Candidate[]> {
  const changed = (directories.length === 0 ? shipped : company).filter(({ name }) => name.endsWith('.rego'))
  const all: Candidate[] = []
  for (const file of changed) {
    const mutations = mutationsOf(await readFile(file.path, 'utf8'), await parseTree(file.path))
    all.push(...mutations.map((mutation) => ({ file, mutation })))
  }
  return all
}

async function judgeAll(stage: string, candidates: readonly Candidate[], progress: Progress) {
  const verdicts: string[] = []
  const waiting = [...candidates.entries()]
  const worker = async () => {
    const own = await MutantStage.copyOf(stage)
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, { file, mutation }] = next
        verdicts[index] = await own.judge(file.name, mutation.mutant)
        const done = candidates.length - waiting.length
        progress(done, candidates.length, verdicts.filter((verdict) => verdict === 'survived').length)
      }
    } finally {
      await own.remove()
    }
  }
  await Promise.all(Array.from({ length: WORKERS }, worker))
  return verdicts
}

type ReachedLines = ReadonlyMap<string, readonly Range[]>

interface Range {
  readonly start: { readonly row: number }
  readonly end: { readonly row: number }
}

/** Also proves that everything passes before anything is changed. */
async function reachedLines(stage: string): Promise<Result<ReachedLines, string>> {
  const plain = await opaTest(stage, [])
  if (plain.exitCode !== 0)
    return err('The tests fail without any change: run `certlocker policy test` and mend them first.')
  const { stdout } = await opaTest(stage, ['--coverage'])
  const { files }: { files: Record<string, { covered?: readonly Range[] }> } = JSON.parse(stdout)
  return ok(new Map(Object.entries(files).map(([name, { covered = [] }]) => [name, covered])))
}

function survivor(candidate: Candidate, reached: ReachedLines, explanations: readonly Explanation[]): Survivor {
  const { file, mutation } = candidate
  const { line, source, change } = mutation
  const ranges = reached.get(`${bundleDirectory}/${file.name}`) ?? []
  const why = ranges.some(({ start, end }) => start.row <= line && line <= end.row)
    ? 'tests reach this line, but none expects an answer that depends on it'
    : 'no test reaches this line'
  const explained = explanations.find((one) => explains(one, candidate))?.reason
  const found = { path: file.path, file: file.name, line, source, change, why }
  return explained === undefined ? found : { ...found, explained }
}

function explains({ file, source, change }: Explanation, candidate: Candidate): boolean {
  const { mutation } = candidate
  return file === candidate.file.name && source === mutation.source && change === mutation.change
}

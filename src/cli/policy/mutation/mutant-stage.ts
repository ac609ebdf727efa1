import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleDirectory } from '../in-stage.ts'
import { opaTest } from '../rego-tests.ts'
import type { Vector } from '../vectors.ts'

/** The vectors as one Rego test, so that one process answers for tests and vectors alike. */
const vectorTest = `package certlocker_vectors_test

test_vector[name] if {
	some name, vector in data.certlocker_vectors
	decision := data.certlocker.main.decision with input as vector.input
		with data.certlocker.config as vector.config
	decision.effect == vector.expect.effect
	sort([reason.code | some reason in decision.reasons]) == sort(vector.expect.codes)
	decision.obligations == object.get(vector.expect, "obligations", [])
	decision.approval == object.get(vector.expect, "approval", decision.approval)
	titles := [reason.title | some reason in decision.reasons]
	object.get(vector.expect, "title", concat("", array.slice(titles, 0, 1))) in array.concat(titles, [""])
}
`

/** Adds the vectors to a stage with policies and tests. */
export async function stageVectors(stage: string, vectors: readonly Vector[]): Promise<void> {
  // A test without any row counts as one that fails.
  if (vectors.length === 0) return
  const named = Object.fromEntries(
    vectors.map(({ name, input, config, expect }, at) => [`${at} ${name}`, { input, config, expect }]),
  )
  await mkdir(join(stage, 'tests', 'certlocker_vectors'), { recursive: true })
  await writeFile(join(stage, 'tests', 'certlocker_vectors', 'vectors.json'), JSON.stringify(named))
  await writeFile(join(stage, 'tests', 'certlocker_vectors', 'vectors_test.rego'), vectorTest)
}

export type Verdict = 'killed' | 'survived' | 'invalid'

/** A copy of a stage in which one worker puts one mutant after another. */
export class MutantStage {
  readonly #directory: string

  private constructor(directory: string) {
    this.#directory = directory
  }

  static async copyOf(stage: string): Promise<MutantStage> {
    const directory = await mkdtemp(join(tmpdir(), 'certlocker-mutants-'))
    await cp(stage, directory, { recursive: true })
    return new MutantStage(directory)
  }

  /** The tests of the rule's own package come first: most mutants fall there, in a tenth of the time. */
  async judge(name: string, mutant: string): Promise<Verdict> {
    const path = join(this.#directory, bundleDirectory, name)
    const original = await readFile(path, 'utf8')
    const [, own = ''] = /^package ([\w.]+)/mu.exec(original) ?? []
    await writeFile(path, mutant)
    try {
      const first = await this.#test(['--run', `^data\\.${own.replaceAll('.', '\\.')}_test\\.`])
      return first === 'survived' ? await this.#test([]) : first
    } finally {
      await writeFile(path, original)
    }
  }

  async #test(more: readonly string[]): Promise<Verdict> {
    const { exitCode, stdout } = await opaTest(this.#directory, more)
    if (exitCode === 0) return 'survived'
    return stdout.startsWith('[') ? 'killed' : 'invalid'
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
  }
}

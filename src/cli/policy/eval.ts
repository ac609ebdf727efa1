import { readFile } from 'node:fs/promises'
import { err, ok, type Result } from '../../kernel/result.ts'
import { readBundle } from '../../policy/bundle.ts'
import { checkDecision } from '../../policy/decision-check.ts'
import type { Decision } from '../../policy/decision.schema.ts'
import { inputProblem } from '../../policy/input-check.ts'
import { compileModule, instantiate } from '../../policy/wasm-instance.ts'

/**
 * Asks a bundle for the decision on one input, as the gateway would.
 * @param file a bundle
 * @param input the input certlocker.input/v1
 * @returns the decision; or why the bundle, the input or the answer is not one
 */
export async function evaluateBundle(file: string, input: unknown): Promise<Result<Decision, string>> {
  const problem = inputProblem(input)
  if (problem !== undefined || typeof input !== 'object' || input === null) return err(problem ?? 'input is no object')
  const bundle = readBundle(await readFile(file))
  if (!bundle.ok) return err(`${file}: ${bundle.error.code}: ${bundle.error.detail}`)
  const module = compileModule(bundle.value)
  if (!module.ok) return err(`${file}: ${module.error.code}: ${module.error.detail}`)
  const instance = instantiate(module.value, bundle.value.data)
  if (!instance.ok) return err(`${file}: ${instance.error.code}: ${instance.error.detail}`)
  const decision = checkDecision(instance.value.evaluate(input), callIdOf(input))
  return decision.ok ? ok(decision.value) : err(`${file}: ${decision.error.code}: ${decision.error.problem}`)
}

/** The id that a decision must echo; `""` where the input has none. */
export function callIdOf(input: object): string {
  if (!('call' in input) || typeof input.call !== 'object' || input.call === null) return ''
  return 'id' in input.call && typeof input.call.id === 'string' ? input.call.id : ''
}

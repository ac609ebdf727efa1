import { readFile } from 'node:fs/promises'
import type { LoadedBundle } from '../../policy/analysis/bundle-diff.ts'
import { readBundle } from '../../policy/bundle.ts'
import type { BundleProblem } from '../../policy/bundle-problem.ts'
import { createPolicyEngine } from '../../policy/wasm-policy-engine.ts'
import { CliError, exitCodes } from '../cli-error.ts'

/** Loads a bundle of a file as the gateway would, without looking at its signature. @throws CliError when it is none */
export async function loadBundle(file: string): Promise<LoadedBundle> {
  const refused = ({ code, detail }: BundleProblem) => new CliError(exitCodes.failed, `${file}: ${code}: ${detail}`)
  const bundle = readBundle(await readFile(file))
  if (!bundle.ok) throw refused(bundle.error)
  const policy = await createPolicyEngine().load(bundle.value, false)
  if (!policy.ok) throw refused(policy.error)
  return { bundle: bundle.value, policy: policy.value }
}

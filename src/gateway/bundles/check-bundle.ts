import { ok, type Result } from '../../kernel/result.ts'
import { type Bundle, readBundle } from '../../policy/bundle.ts'
import { type BundleProblem, refused } from '../../policy/bundle-problem.ts'
import { verifySignature } from '../../policy/bundle-signature.ts'
import { inputProblem, isPolicyInput } from '../../policy/input-check.ts'
import type { PolicyKey } from '../../policy/policy-key.ts'
import { shippedDigestOf } from '../../policy/shipped-rules.ts'
import type { PreparedPolicy } from '../../policy/wasm-policy-engine.ts'

/** What a gateway asks of every bundle before it looks at the rules in it. */
export interface BundleRules {
  readonly keys: readonly PolicyKey[]
  /** What signatures must say they are for; undefined: nothing. */
  readonly scope: string | undefined
  /** Undefined: of every bundle but those that this machine's owner put in a file. */
  readonly requireSignature: boolean | undefined
  /** Of the rules that a bundle may have been built with. */
  readonly shippedDigests: ReadonlySet<string>
}

/**
 * Reads a bundle and asks everything of it that needs no evaluation. A file of this machine that need not be signed is
 * its owner's word, also about the rules in it: they could as well change this software.
 * @param origin `push`, `shipped`, or the URL of the source
 */
export function checkBundle(bytes: Uint8Array, origin: string, rules: BundleRules): Result<Bundle, BundleProblem> {
  const bundle = readBundle(bytes)
  if (!bundle.ok) return bundle
  const signed = needsSignature(origin, rules)
  if (signed) {
    const verified = verifySignature(bundle.value.files, rules)
    if (!verified.ok) return verified
  }
  const { inputSchema, decisionSchema } = bundle.value.manifest.metadata ?? {}
  for (const [stated, spoken] of [
    [inputSchema, 'certlocker.input/v1'],
    [decisionSchema, 'certlocker.decision/v1'],
  ] as const) {
    if (stated !== spoken && (signed || stated !== undefined))
      return refused('BUNDLE_SCHEMA_UNSUPPORTED', `it speaks ${stated ?? 'no stated schema'}, not ${spoken}`)
  }
  return signed ? knownRules(bundle.value, rules) : bundle
}

function needsSignature(origin: string, { requireSignature }: BundleRules): boolean {
  if (origin === 'push') return true
  if (origin === 'shipped') return false
  return requireSignature ?? !origin.startsWith('file:')
}

function knownRules(bundle: Bundle, { shippedDigests }: BundleRules): Result<Bundle, BundleProblem> {
  const digest = shippedDigestOf(bundle.files)
  if (bundle.manifest.metadata?.shippedDigest === digest && shippedDigests.has(digest)) return ok(bundle)
  return refused(
    'BUNDLE_SHIPPED_RULES_UNKNOWN',
    'its shipped rules are not those of this or the previous minor version',
  )
}

/** Asks a policy the questions whose answers its own authors promised. */
export function checkVectors({ manifest }: Bundle, policy: PreparedPolicy): Result<undefined, BundleProblem> {
  for (const { name, input, effect } of manifest.metadata?.vectors ?? []) {
    if (!isPolicyInput(input)) return refused('BUNDLE_VECTOR_FAILED', `${name}: ${inputProblem(input)}`)
    const answered = policy.decide(input).effect
    if (answered !== effect) return refused('BUNDLE_VECTOR_FAILED', `${name}: ${answered} instead of ${effect}`)
  }
  return ok(undefined)
}

import { readFileSync } from 'node:fs'
import type { Knex } from 'knex'
import { canonicalJson } from '../../src/kernel/canonical-json.ts'
import { readBundle } from '../../src/policy/bundle.ts'
import { createPolicyEngine, type PreparedPolicy } from '../../src/policy/wasm-policy-engine.ts'

let shipped: Promise<PreparedPolicy> | undefined

/**
 * Puts every question that the shipped policy was asked to it again, on another instance.
 * @throws when an answer on record is not the same, byte for byte
 */
export async function expectSameAnswers(knex: Knex): Promise<void> {
  shipped ??= loadShipped()
  const policy = await shipped
  const rows: { seq: string; input: string; decision: string; digest: string | null }[] = await knex(
    'audit_decisions as d',
  )
    .join('audit_events as e', 'e.seq', 'd.seq')
    .select('d.seq', 'd.input', 'd.decision')
    .select(knex.raw("e.event::json #>> '{policy,digest}' AS digest"))
  for (const { seq, input, decision, digest } of rows) {
    if (digest !== policy.version.digest || decision.includes('"rule":"gateway"')) continue
    const again = canonicalJson(policy.decide(JSON.parse(input)))
    if (again !== decision) throw new Error(`event ${seq} has another answer now:\n${decision}\n${again}`)
  }
}

async function loadShipped(): Promise<PreparedPolicy> {
  const bundle = readBundle(readFileSync(new URL('../../bundles/certlocker.tar.gz', import.meta.url)))
  if (!bundle.ok) throw new Error(bundle.error.detail)
  const policy = await createPolicyEngine().load(bundle.value, false)
  if (!policy.ok) throw new Error(policy.error.detail)
  return policy.value
}

import { readFileSync } from 'node:fs'
import { readBundle } from '../../src/policy/bundle.ts'
import { buildInput } from '../../src/policy/input.ts'
import type { PolicyInput } from '../../src/policy/input.schema.ts'
import { createPolicyEngine } from '../../src/policy/wasm-policy-engine.ts'

export interface DecisionBench {
  /** Median and 99th percentile of one decision, in microseconds. */
  readonly p50Us: number
  readonly p99Us: number
  readonly perSecond: number
  readonly inputBytes: number
}

const WARM_UP_ROUNDS = 5000
const ROUNDS = 20_000
const INPUT_BYTES = 2048

/** Measures decisions of the shipped bundle on an allowed read with an input of 2 KB, in this process, one at a time. */
export function benchDecisions(): DecisionBench {
  const bundle = readBundle(readFileSync(new URL('../../bundles/certlocker.tar.gz', import.meta.url)))
  if (!bundle.ok) throw new Error(bundle.error.detail)
  const engine = createPolicyEngine()
  const activated = engine.activate(bundle.value)
  if (!activated.ok) throw new Error(activated.error.detail)
  const input = typicalInput()
  const { decision } = engine.decide(input)
  if (decision.effect !== 'allow')
    throw new Error(`the measured call is not allowed: ${JSON.stringify(decision.reasons)}`)
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) engine.decide(input)
  const spentUs = Array.from({ length: ROUNDS }, () => {
    const startMs = performance.now()
    engine.decide(input)
    return (performance.now() - startMs) * 1000
  })
  const sorted = spentUs.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(ROUNDS * share)] ?? Number.NaN
  const totalUs = spentUs.reduce((sum, us) => sum + us, 0)
  return {
    p50Us: at(0.5),
    p99Us: at(0.99),
    perSecond: (ROUNDS / totalUs) * 1_000_000,
    inputBytes: Buffer.byteLength(JSON.stringify(input)),
  }
}

function typicalInput(): PolicyInput {
  const nowMs = Date.UTC(2026, 10, 23, 12)
  const sized = (note: string) =>
    buildInput({
      call: {
        id: 'dec_1',
        action: 'secret.read',
        tool: 'certlocker_get_secret',
        digest: `sha256:${'0'.repeat(64)}`,
        attempt: 1,
        unixMs: nowMs,
      },
      timeZone: 'UTC',
      principal: {
        kind: 'agent',
        id: 'agt_1',
        name: 'ci-deploy',
        owner: 'per_1',
        status: 'active',
        riskLevel: 'low',
        scopes: ['secret:read', 'host:read'],
        groups: ['edge', 'staging'],
      },
      token: {
        id: 'tok_1',
        groups: ['edge', 'staging'],
        scopes: ['secret:read', 'host:read'],
        expiresUnixMs: nowMs + 3_600_000,
        cidrMatched: true,
      },
      session: { id: 'ses_1', ageSeconds: 60, launcher: { name: 'github-actions', verified: true } },
      client: { ip: '192.0.2.1', name: 'claude-code', version: '2.1.0', protocol: '2026-07-28' },
      resource: {
        type: 'secret',
        id: 'sec_1',
        name: 'edge-api-key',
        groups: ['edge'],
        environment: 'development',
        kind: 'shared',
        version: 3,
        disclosure: 'raw',
        exists: true,
      },
      arguments: { name: 'edge-api-key', note },
    })
  const bare = Buffer.byteLength(JSON.stringify(sized('')))
  return sized('a'.repeat(Math.max(0, INPUT_BYTES - bare)))
}

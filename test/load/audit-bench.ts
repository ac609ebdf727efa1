import type { Entry } from '../../src/domain/audit/event.ts'
import type { PostgresAuditLog } from '../../src/domain/audit/postgres-audit-log.ts'
import { canonicalJson } from '../../src/kernel/canonical-json.ts'
import { newId } from '../../src/kernel/ids.ts'
import { benchDatabase } from './bench-database.ts'

const WARM_UP_MS = 1_500
const MEASURED_MS = 5_000

export interface AppendRate {
  readonly inFlight: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Measures appends of single events, every other one with a policy input of 2 KB, on a durable embedded cluster. */
export async function benchAuditAppend(levels: readonly number[] = [1, 16, 64]): Promise<AppendRate[]> {
  const database = await benchDatabase()
  try {
    const rates: AppendRate[] = []
    for (const inFlight of levels) {
      await load(database.log, inFlight, WARM_UP_MS)
      rates.push({ inFlight, ...(await load(database.log, inFlight, MEASURED_MS)) })
    }
    return rates
  } finally {
    await database.close()
  }
}

async function load(log: PostgresAuditLog, inFlight: number, forMs: number): Promise<Omit<AppendRate, 'inFlight'>> {
  const latencies: number[] = []
  const end = performance.now() + forMs
  const worker = async () => {
    for (let index = 0; performance.now() < end; index++) {
      const started = performance.now()
      await log.append([index % 2 === 0 ? decision() : completion()])
      latencies.push(performance.now() - started)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  latencies.sort((a, b) => a - b)
  const percentile = (share: number) => Number(latencies[Math.floor(latencies.length * share)]?.toFixed(2))
  return { perSecond: Math.round((latencies.length / forMs) * 1000), p50Ms: percentile(0.5), p99Ms: percentile(0.99) }
}

const input = canonicalJson({ schema: 'certlocker.input/v1', facts: 'x'.repeat(2_000) })

export function completion(): Entry {
  return {
    event: {
      type: 'AI_AGENT_CALL_COMPLETED',
      actor: { kind: 'agent', id: 'agt_0000000000000000000000000', name: 'cursor-ops' },
      agent: { id: 'agt_0000000000000000000000000', name: 'cursor-ops', owner: 'ann@example.com', riskLevel: 'medium' },
      tokenId: 'tok_0000000000000000000000000',
      sessionId: 'ses_0000000000000000000000000',
      client: { ip: '10.0.0.7', name: 'cursor', version: '1.0.0' },
      tool: 'certlocker_get_secret',
      resource: {
        type: 'secret',
        id: 'sec_0000000000000000000000000',
        name: 'edge-key',
        groups: ['edge'],
        environment: 'staging',
        version: 3,
      },
      outcome: 'ok',
      requestId: newId('req'),
    },
  }
}

export function decision(): Entry {
  const id = newId('dec')
  const text = canonicalJson({
    schema: 'certlocker.decision/v1',
    callId: id,
    effect: 'allow',
    reasons: [],
    obligations: [],
  })
  return {
    event: { ...completion().event, type: 'AI_AGENT_POLICY_ALLOWED', outcome: 'allow', attempt: 1 },
    decision: { id, input, decision: text },
  }
}

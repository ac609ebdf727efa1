import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { shippedCodes } from '../../../src/adapters/metrics/decision-code.ts'
import { createMetrics } from '../../../src/adapters/metrics/metrics.ts'
import type { Decision } from '../../../src/policy/decision.schema.ts'

describe('the metrics', () => {
  test('count decisions by effect and shipped code, and every code of a company together', async () => {
    const { calls, exposition } = createMetrics()
    for (const code of ['GROUP_MISMATCH', 'ACME_OFFICE_HOURS', 'ACME_OTHER'])
      calls.start().decided(decision('deny', code))
    calls.start().decided(decision('allow', undefined))
    const text = await exposition.text()
    expect(text).toContain('certlocker_decisions_total{effect="deny",code="GROUP_MISMATCH"} 1')
    expect(text).toContain('certlocker_decisions_total{effect="deny",code="CUSTOM"} 2')
    expect(text).toContain('certlocker_decisions_total{effect="allow",code="NONE"} 1')
    expect(text).not.toContain('ACME')
  })

  test('measure each stage from the end of the one before', async () => {
    const { calls, exposition } = createMetrics()
    const timer = calls.start()
    timer.stage('auth')
    timer.stage('identify')
    const text = await exposition.text()
    expect(text).toContain('certlocker_call_stage_seconds_count{stage="auth"} 1')
    expect(text).toContain('certlocker_call_stage_seconds_count{stage="identify"} 1')
  })

  test('ask at each scrape for what is given, and leave out what is not', async () => {
    let waiting = 3
    const { exposition } = createMetrics({
      auditQueueLength: () => waiting,
      activeSessions: async () => 7,
      poolConnections: () => ({ used: 1, free: 2, waiting: 0 }),
    })
    expect(await exposition.text()).toContain('certlocker_audit_queue_length 3')
    waiting = 0
    const text = await exposition.text()
    expect(text).toContain('certlocker_audit_queue_length 0')
    expect(text).toContain('certlocker_active_sessions 7')
    expect(text).toContain('certlocker_pool_connections{state="free"} 2')
    expect(await createMetrics().exposition.text()).not.toContain('certlocker_active_sessions')
  })

  test('know every code of the shipped rules', () => {
    const rules = readdirSync('policies/certlocker', { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.rego'),
    )
    const codes = rules.flatMap((path) =>
      [...readFileSync(`policies/certlocker/${path}`, 'utf8').matchAll(/^#\s+code: ([A-Z_]+)$/gmu)].map(
        ([, code]) => code,
      ),
    )
    expect(codes.length).toBeGreaterThan(10)
    expect(codes.filter((code) => code !== undefined && !shippedCodes.includes(code))).toEqual([])
  })
})

function decision(effect: Decision['effect'], code: string | undefined): Decision {
  return {
    schema: 'certlocker.decision/v1',
    inputSchema: 'certlocker.input/v1',
    callId: 'dec_1',
    effect,
    reasons:
      code === undefined ? [] : [{ code, title: code, severity: 'low', rule: 'r', details: {}, visibility: 'agent' }],
    obligations: [],
    approval: { groups: [], roles: [], quorum: 0, useSeconds: 0 },
    labels: {},
  }
}

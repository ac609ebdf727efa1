import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { AuditEvent } from '../../../src/domain/audit/event.ts'
import { auditLine, auditLines } from '../../../src/domain/audit/log-line.ts'
import { prepareEntry } from '../../../src/domain/audit/event-text.ts'
import { logLine } from '../../../src/kernel/log-line.ts'

const denied: AuditEvent = {
  seq: 7,
  at: '2026-03-01T09:30:00.000Z',
  ...prepareEntry({
    event: {
      type: 'AI_AGENT_POLICY_DENIED',
      agent: { id: 'agt_1', name: 'cursor-ops', owner: 'ann@example.com', riskLevel: 'low' },
      resource: {
        type: 'secret',
        id: null,
        name: 'prod-db-password',
        groups: ['prod'],
        environment: 'production',
        version: 0,
      },
      outcome: 'deny',
      code: 'GROUP_MISMATCH',
      requestId: 'req_1',
      reasons: [{ code: 'GROUP_MISMATCH', title: 'Token is scoped to "edge"', severity: 'high', rule: 'group' }],
    },
  }).event,
}

describe('the line of an event', () => {
  test('starts as the contract says: type, agent, resource, outcome, code, seq, request', () => {
    expect(auditLine(denied)).toMatch(
      /^AI_AGENT_POLICY_DENIED agent=cursor-ops resource=prod-db-password outcome=deny code=GROUP_MISMATCH seq=7 requestId=req_1 reason="Token is scoped to \\"edge\\"" /u,
    )
  })

  test('leaves out what the event does not have', () => {
    expect(auditLine({ ...denied, agent: null, resource: null, reasons: [], requestId: null })).toBe(
      `AI_AGENT_POLICY_DENIED outcome=deny code=GROUP_MISMATCH seq=7 at=2026-03-01T09:30:00.000Z id=${denied.id}`,
    )
  })

  test('cannot be forged or broken by the text in it', () => {
    const evil = 'x\nAI_AGENT_POLICY_ALLOWED agent=root \u001b[2K\r\u2028\u202etext \\ "=" 🔑'
    const line = auditLine({
      ...denied,
      resource: { type: 'secret', id: null, name: evil, groups: [], environment: '', version: null },
    })
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/u)
    expect(line).toContain(
      String.raw`resource="x\nAI_AGENT_POLICY_ALLOWED agent=root \u001b[2K\u000d\u2028\u202etext \\ \"=\" 🔑" outcome=`,
    )
  })

  test.each([
    ['plain', 'a=plain'],
    ['', 'a=""'],
    ['two words', 'a="two words"'],
    ['k=v', 'a="k=v"'],
    ['back\\slash', String.raw`a="back\\slash"`],
    ['tab\t', String.raw`a="tab\t"`],
    ['https://x/y?z', 'a=https://x/y?z'],
    ['zażółć', 'a=zażółć'],
  ])('value %j is written %s', (value, text) => {
    expect(logLine('T', { a: value, absent: null })).toBe(`T ${text}`)
  })

  test('is written once per event, in order, after what waited for the commits, and together with those of the same turn', async () => {
    const written: string[] = []
    const lines = auditLines((text) => written.push(text))
    lines.appended([denied, { ...denied, seq: 8 }])
    lines.appended([{ ...denied, seq: 9 }])
    await Promise.resolve()
    expect(written).toEqual([])
    await nextTurn()
    lines.appended([{ ...denied, seq: 10 }])
    await nextTurn()
    const seqs = written.map((text) => text.split('\n').map((line) => / seq=(\d+)/u.exec(line)?.[1]))
    expect(seqs).toEqual([['7', '8', '9'], ['10']])
  })
})

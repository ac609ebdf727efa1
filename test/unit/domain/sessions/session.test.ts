import { describe, expect, test } from 'vitest'
import { end, type Session, sessionView } from '../../../../src/domain/sessions/session.ts'

const session: Session = {
  id: 'ses_1',
  agent: { id: 'agt_1', name: 'cursor-ops', owner: 'ada@example.com', riskLevel: 'medium' },
  tokenId: 'tok_1',
  transport: 'handshake',
  client: { ip: '10.0.0.7', name: 'cursor', version: '1.2' },
  protocolVersion: '2025-11-25',
  launcher: { name: 'ada', verified: false },
  status: 'active',
  startedAt: new Date('2026-03-01T09:00:00Z'),
  lastSeenAt: new Date('2026-03-01T09:05:00Z'),
  endedAt: null,
  endReason: null,
}

describe('a session', () => {
  test('ends once, with a time and a reason', () => {
    const now = new Date('2026-03-01T09:10:00Z')
    const ended = end(session, 'closed', now)
    expect(ended).toEqual({ ok: true, value: { ...session, status: 'ended', endedAt: now, endReason: 'closed' } })
    expect(ended.ok && end(ended.value, 'admin', now)).toMatchObject({ ok: false, error: { code: 'STATE_CONFLICT' } })
  })

  test('is shown with its agent by name, and with times in ISO 8601', () => {
    expect(sessionView(session)).toMatchObject({
      agent: 'cursor-ops',
      lastSeenAt: '2026-03-01T09:05:00.000Z',
      endedAt: null,
      launcher: { name: 'ada', verified: false },
    })
  })
})

import type { AuditEvent } from '../../src/domain/audit/event.ts'

/** A denied call as the log has it, apart from what a test says. */
export function anEvent(parts: Partial<AuditEvent> = {}): AuditEvent {
  return {
    seq: 7,
    id: 'evt_1',
    at: '2026-03-01T09:30:00.000Z',
    type: 'AI_AGENT_POLICY_DENIED',
    actor: { kind: 'agent', id: 'agt_1', name: 'cursor-ops' },
    agent: { id: 'agt_1', name: 'cursor-ops', owner: 'ana@example.com', riskLevel: 'high' },
    tokenId: 'tok_1',
    sessionId: 'ses_1',
    launcher: { name: 'ana', verified: false },
    client: { ip: '10.0.0.7', name: 'cursor', version: '1.0' },
    tool: 'certlocker_get_secret',
    resource: {
      type: 'secret',
      id: 'sec_1',
      name: 'edge-key',
      groups: ['edge', 'staging'],
      environment: 'staging',
      version: 3,
    },
    outcome: 'deny',
    code: 'GROUP_MISMATCH',
    reasons: [{ code: 'GROUP_MISMATCH', title: 'Access denied', severity: 'high', rule: 'certlocker.rules.group' }],
    decisionId: 'dec_1',
    attempt: 1,
    policy: { revision: 'r1', digest: 'sha256:0' },
    inputDigest: 'sha256:1',
    requestId: 'req_1',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    details: {},
    ...parts,
  }
}

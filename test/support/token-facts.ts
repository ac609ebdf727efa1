import type { Token } from '../../src/domain/tokens/token.ts'

/** A token as it was just made, for an hour from the epoch on; a test names what it is about. */
export function tokenFacts(facts: Partial<Token> = {}): Token {
  const { id = 'tok_1', expiresAt = new Date(3_600_000) } = facts
  return {
    id,
    agentId: 'agt_1',
    agent: 'agent',
    name: 'laptop',
    prefix: 'clk_mcp_abcd',
    scopes: null,
    isByOther: false,
    groups: [],
    cidrs: [],
    expiresAt,
    chainId: id,
    predecessorId: null,
    autoRotate: null,
    rotatedAt: null,
    usedAt: null,
    usableUntil: expiresAt,
    singleUse: false,
    spending: null,
    revokedAt: null,
    lastUsedAt: null,
    lastUsedIp: null,
    createdAt: new Date(0),
    createdBy: 'per_1',
    ...facts,
  }
}

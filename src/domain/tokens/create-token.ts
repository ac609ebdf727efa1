import { mintBearer } from '../../kernel/bearer.ts'
import { parseCidr } from '../../kernel/cidr.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { Scope } from '../../kernel/vocabulary.ts'
import { type Agent, beyondOwn } from '../agents/agent.ts'
import type { Author } from '../audit/author.ts'
import { beyondReach } from '../groups/group-reach.ts'
import { bearerTtlSecondsMax } from '../resource.schema.ts'
import type { InTransaction } from '../work.ts'
import { type ClientConfig, clientConfig } from './client-config.ts'
import type { Token } from './token.ts'
import { usableUntilOf } from './token-chain.ts'
import type { CreateToken } from './token.schema.ts'
import { tokenChangedEntry } from './token-events.ts'

export interface CreatedToken {
  readonly token: Token
  /** `clk_mcp_…`: it exists here and never again. */
  readonly value: Secret<string>
  readonly clientConfig: ClientConfig
}

export interface CreateTokenDeps {
  readonly inTransaction: InTransaction
  readonly clock: Clock
  /** The gateway's public MCP endpoint. */
  readonly mcpUrl: string
}

/**
 * Mints a token for an agent. Whoever mints it holds it, so its groups lie within the creator's too.
 * @returns the token and its value; REFERENCE_UNKNOWN for an unknown agent or group, AGENT_REVOKED, GROUP_NOT_PERMITTED,
 * SCOPE_NOT_PERMITTED, or ARGUMENT_INVALID for a network, a time or a combination that will not do
 */
export async function createToken(
  deps: CreateTokenDeps,
  by: Author,
  request: CreateToken,
): Promise<Result<CreatedToken, Fault>> {
  const now = deps.clock.now()
  const expiresAt = expiryOf(request, now)
  if (!expiresAt.ok) return expiresAt
  const cidrs = canonicalCidrs(request.cidrs ?? [])
  if (!cidrs.ok) return cidrs
  const { singleUse = false, autoRotate = null } = request
  if (singleUse && autoRotate !== null) return invalid('A token for single use cannot rotate: give one of the two')
  return deps.inTransaction(async (work) => {
    const agent = await work.agents.findForUpdate(request.agentId)
    if (agent === undefined) return err(fault('REFERENCE_UNKNOWN', { message: `No agent ${request.agentId}` }))
    if (agent.status === 'revoked') return err(fault('AGENT_REVOKED'))
    const groups = await work.groups.resolve(request.groups)
    if (!groups.ok) return groups
    const misfit =
      beyondAgent(agent, groups.value, request.scopes ?? []) ??
      beyondReach(groups.value, by.groups, by.actor.name) ??
      beyondOwn(request.scopes ?? agent.scopes, agent, by)
    if (misfit !== undefined) return err(misfit)
    const { value, hash, prefix } = mintBearer('clk_mcp')
    const [id, createdAt] = [newId('tok'), new Date(now)]
    const token: Token = {
      id,
      agentId: agent.id,
      agent: agent.name,
      name: request.name,
      prefix,
      scopes: request.scopes ?? null,
      isByOther: by.groups !== 'every' && by.actor.id !== agent.ownerId,
      groups: groups.value,
      cidrs: cidrs.value,
      expiresAt: expiresAt.value,
      chainId: id,
      predecessorId: null,
      autoRotate,
      rotatedAt: null,
      usedAt: null,
      usableUntil: usableUntilOf(createdAt, expiresAt.value, autoRotate),
      singleUse,
      spending: null,
      revokedAt: null,
      lastUsedAt: null,
      lastUsedIp: null,
      createdAt,
      createdBy: by.actor.id,
    }
    await work.tokens.insert(token, hash)
    work.record(tokenChangedEntry(by, 'MCP_TOKEN_CREATED', { agent, before: null, after: token, now }))
    return ok({ token, value, clientConfig: clientConfig(deps) })
  })
}

function expiryOf({ ttlSeconds, expiresAt }: CreateToken, now: number): Result<Date, Fault> {
  if ((ttlSeconds === undefined) === (expiresAt === undefined))
    return invalid('Exactly one of ttlSeconds and expiresAt is needed')
  const at = expiresAt === undefined ? now + (ttlSeconds ?? 0) * 1000 : Date.parse(expiresAt)
  if (!(at > now)) return invalid('expiresAt must lie in the future')
  if (at > now + bearerTtlSecondsMax * 1000) return invalid('A token lives for one year at most')
  return ok(new Date(at))
}

function canonicalCidrs(texts: readonly string[]): Result<readonly string[], Fault> {
  const cidrs = new Set<string>()
  for (const text of texts) {
    const cidr = parseCidr(text)
    if (cidr === undefined)
      return invalid(
        `cidrs: ${text} is not a network such as 10.0.0.0/24 or 2001:db8::/32, without bits after the prefix`,
      )
    cidrs.add(cidr.text)
  }
  return ok([...cidrs])
}

function beyondAgent(agent: Agent, groups: readonly string[], scopes: readonly Scope[]): Fault | undefined {
  const beyond = scopes.filter((scope) => !agent.scopes.includes(scope))
  if (beyond.length > 0)
    return fault('SCOPE_NOT_PERMITTED', { message: `Scopes [${beyond.join(', ')}] lie outside those of ${agent.name}` })
  return beyondReach(groups, agent.groups, agent.name)
}

function invalid(message: string): { readonly ok: false; readonly error: Fault } {
  return err(fault('ARGUMENT_INVALID', { message }))
}

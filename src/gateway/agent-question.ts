import type { CallHistory, History } from '../domain/history/call-history.ts'
import { isSpent } from '../domain/tokens/spending.ts'
import type { Clock } from '../kernel/clock.ts'
import { newId } from '../kernel/ids.ts'
import { callDigest, maskSensitive } from '../policy/call-digest.ts'
import { buildInput } from '../policy/input.ts'
import type { PolicyInput } from '../policy/input.schema.ts'
import type { ApprovalFact } from './approval-fact.ts'
import type { AgentCaller } from './caller.ts'
import { type Identified, resourceInput } from './identify.ts'
import type { CallFacts, Tool } from './tool.ts'

export interface QuestionDeps {
  readonly history: CallHistory
  readonly clock: Clock
  readonly timeZone: string
  /** Under which `x-sensitive` arguments enter input, digest and log. */
  readonly hmacKey: Buffer
}

/** One call, and what its agent has done before it. */
export interface AskedCall {
  readonly caller: AgentCaller
  readonly tool: Pick<Tool, 'name' | 'action' | 'inputSchema'>
  readonly arguments: object
  readonly resource: Identified
  readonly history: History
  /** Of the idempotency key that came with the call; null when none counts. */
  readonly keyDigest: string | null
  readonly facts?: CallFacts
  /** What people decided about exactly this call, if they did. */
  readonly approval?: ApprovalFact | undefined
  /** 2 when an approval was decided while the call was held. */
  readonly attempt?: 1 | 2
  /** `enforce` unless it is said otherwise. */
  readonly mode?: PolicyInput['mode']
}

/** Puts an agent's call to the policy: every fact that the gateway itself established, nothing the agent claims. */
export function agentQuestion(
  { clock, timeZone, hmacKey }: Omit<QuestionDeps, 'history'>,
  { caller, tool, resource, history, keyDigest, approval, attempt = 1, mode = 'enforce', ...call }: AskedCall,
): PolicyInput {
  const { token, agent, ownerDisabled, effectiveScopes, effectiveGroups } = caller.standing
  const nowMs = clock.now()
  const described = resourceInput(resource)
  const masked = maskSensitive({ ...call.arguments }, tool.inputSchema, hmacKey)
  const { id: resourceId = '', version: resourceVersion = 0 } = described ?? {}
  const called = { agentId: agent.id, tool: tool.name, arguments: masked, resourceId, resourceVersion }
  const digest = callDigest(called)
  return buildInput({
    call: {
      id: newId('dec'),
      action: tool.action,
      tool: tool.name,
      digest,
      attempt,
      unixMs: nowMs,
    },
    timeZone,
    principal: {
      kind: 'agent',
      id: agent.id,
      name: agent.name,
      owner: agent.owner,
      ownerDisabled,
      riskLevel: agent.riskLevel,
      status: agent.status,
      scopes: effectiveScopes,
      groups: effectiveGroups,
      role: '',
    },
    token: {
      id: token.id,
      groups: token.groups,
      scopes: token.scopes ?? agent.scopes,
      expiresUnixMs: token.usableUntil.getTime(),
      cidrs: token.cidrs,
      // Authentication refuses a token outside its networks before any policy is asked.
      cidrMatched: true,
      singleUse: token.singleUse,
      spent: isSpent(token, { callDigest: digest, keyDigest }, nowMs),
    },
    session: {
      id: caller.session.id,
      ageSeconds: Math.max(0, Math.floor((nowMs - caller.session.startedAtMs) / 1000)),
      launcher: caller.session.launcher ?? { name: '', verified: false },
    },
    history,
    client: { ip: caller.request.clientIp, ...caller.client },
    ...(described === undefined ? {} : { resource: described }),
    arguments: masked,
    ...(call.facts?.derived === undefined ? {} : { derived: call.facts.derived }),
    ...(approval === undefined ? {} : { approval }),
    mode,
  })
}

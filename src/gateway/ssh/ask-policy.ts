import type { Author } from '../../domain/audit/author.ts'
import type { AuditLog } from '../../domain/audit/audit-log.ts'
import type { Host } from '../../domain/hosts/host.ts'
import { reachOf } from '../../domain/people/person.ts'
import type { Command } from '../../domain/ssh/command.ts'
import { holderAuthor } from '../../domain/ssh/ssh-session-events.ts'
import { type SshSession, sshSessionResource } from '../../domain/ssh/ssh-session.ts'
import type { Stores } from '../../domain/stores.ts'
import { operatorQuestion } from '../act.ts'
import { agentQuestion, type QuestionDeps } from '../agent-question.ts'
import { agentDecisionType, decisionEntry } from '../call-events.ts'
import { hostInput } from '../identify.ts'
import { enforceable } from '../obligations/enforceable.ts'
import { commandFacts } from './command-facts.ts'
import { refusalOf, type StandingRefusal } from '../standing.ts'
import { canonicalJson } from '../../kernel/canonical-json.ts'
import { digestOfText } from '../../kernel/digest.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { PolicyInput } from '../../policy/input.schema.ts'
import type { Decided, PolicyEngine } from '../../policy/policy-engine.ts'
import { spokenReason } from '../../policy/speaker.ts'

export interface AskPolicyDeps extends QuestionDeps {
  readonly policy: PolicyEngine
  readonly stores: Pick<Stores, 'tokens' | 'people' | 'hosts' | 'groups'>
  readonly auditLog: AuditLog
  readonly denials: 'explain' | 'opaque'
}

/** What is about to happen in a session: it is opened, or a command is run that the gateway has not decided on itself. */
export interface Asked {
  readonly command: Command | undefined
  readonly clientIp: string
  readonly requestId: string
}

/** What was allowed, and by whose decision it goes on. */
export interface Admission {
  readonly host: Host
  readonly by: Author
}

/**
 * Puts a session to the policy as it is now: rights, groups, host and rules may have changed since it was granted.
 * @returns the denial, which is on record by then; GATEWAY_REVOKED when its holder has lost every right
 */
export async function askPolicy(
  deps: AskPolicyDeps,
  session: SshSession,
  asked: Asked,
): Promise<Result<Admission, Fault>> {
  const host = await deps.stores.hosts.find(session.host.id)
  if (host === undefined) return err(fault('GATEWAY_RESOURCE_CHANGED'))
  const input = await question(deps, session, host, asked)
  if (!input.ok) return err(fault('GATEWAY_REVOKED', { detail: input.error }))
  const { decision, policy } = deps.policy.decide(input.value)
  const decided: Decided = { decision: enforceable(decision, input.value.call.action), policy }
  const author = { ...holderAuthor(session, asked.requestId), client: { ...session.client, ip: asked.clientIp } }
  if (decided.decision.effect !== 'allow')
    return err(await denied(deps, session, { input: input.value, decided, author }))
  const record = { id: input.value.call.id, input: canonicalJson(input.value), decision: canonicalJson(decision) }
  const inputDigest = digestOfText(record.input)
  const { revision, digest } = policy
  return ok({
    host,
    by: {
      ...author,
      decision: { policy: { revision, digest }, inputDigest, record, obligations: decision.obligations },
    },
  })
}

/** Why the holder of a session has no right to anything any more; undefined while it has. */
export type HolderRefusal = StandingRefusal | 'PERSON_DISABLED'

async function question(
  deps: AskPolicyDeps,
  session: SshSession,
  host: Host,
  asked: Asked,
): Promise<Result<PolicyInput, HolderRefusal>> {
  const { agent, principal, mode } = session
  const action = asked.command === undefined ? 'ssh.connect' : 'ssh.command'
  const args = asked.command === undefined ? { host: host.name, principal, mode } : { command: asked.command.line }
  if (agent === null) return personQuestion(deps, session, { action, host, args, asked })
  const standing = await deps.stores.tokens.standingOfChain(agent.tokenId)
  const refusal = standing === undefined ? 'TOKEN_REVOKED' : refusalOf(standing, deps.clock.now())
  if (standing === undefined || refusal !== undefined) return err(refusal ?? 'TOKEN_REVOKED')
  const caller = {
    standing,
    epoch: 0,
    session: { id: agent.sessionId, startedAtMs: session.grantedAt.getTime(), launcher: null },
    client: { name: session.client.name, version: session.client.version, protocol: 'ssh' },
    request: { id: asked.requestId, traceparent: null, clientIp: asked.clientIp },
  }
  return ok(
    agentQuestion(deps, {
      caller,
      tool: { name: 'certlocker_request_ssh_session', action, inputSchema: { type: 'object', properties: {} } },
      arguments: args,
      resource: { type: 'host', name: host.name, host },
      history: await deps.history.of(agent.id, deps.clock.now()),
      keyDigest: null,
      facts: asked.command === undefined ? {} : commandFacts(session, asked.command),
    }),
  )
}

interface PersonAsk {
  readonly action: string
  readonly host: Host
  readonly args: { readonly [name: string]: unknown }
  readonly asked: Asked
}

async function personQuestion(
  deps: AskPolicyDeps,
  { holder }: SshSession,
  { action, host, args, asked }: PersonAsk,
): Promise<Result<PolicyInput, HolderRefusal>> {
  const request = { id: asked.requestId, traceparent: null, clientIp: asked.clientIp }
  const person = holder.kind === 'person' ? await deps.stores.people.find(holder.id) : undefined
  if (holder.kind === 'person' && (person === undefined || person.disabledAt !== null)) return err('PERSON_DISABLED')
  const rights =
    person === undefined
      ? ({ role: 'admin', groups: 'every' } as const)
      : { role: person.role, groups: reachOf(person) }
  const kind = person === undefined ? 'service' : 'person'
  const operators = { clock: deps.clock, timeZone: deps.timeZone, groupNames: () => deps.stores.groups.names() }
  return ok(
    await operatorQuestion(
      operators,
      { kind, id: holder.id, name: holder.name, ...rights, request },
      {
        action,
        resource: hostInput(host),
        arguments: args,
        ...(asked.command === undefined ? {} : { derived: { command: asked.command } }),
      },
    ),
  )
}

async function denied(
  deps: AskPolicyDeps,
  session: SshSession,
  { input, decided, author }: { readonly input: PolicyInput; readonly decided: Decided; readonly author: Author },
): Promise<Fault> {
  const { agent } = session
  const { code, message } = spokenReason(decided.decision, deps.denials)
  const common = {
    actor: author.actor,
    agent: agent && { id: agent.id, name: agent.name, owner: agent.owner, riskLevel: agent.riskLevel },
    tokenId: agent?.tokenId ?? null,
    sessionId: agent?.sessionId ?? null,
    client: author.client,
    resource: sshSessionResource(session),
    requestId: author.requestId,
  }
  const type = agent === null ? 'API_POLICY_DENIED' : agentDecisionType(decided.decision.effect)
  const entry = decisionEntry(common, type, input, decided, code)
  const details = { ...entry.event.details, action: input.call.action, sshSessionId: session.id }
  await deps.auditLog.append([{ ...entry, event: { ...entry.event, details } }])
  const needsApproval = decided.decision.effect === 'require_approval' && agent !== null
  return fault('ACCESS_DENIED', {
    message: needsApproval
      ? `${message}: run it with certlocker_run_ssh_command, which asks for the approval`
      : message,
    detail: code,
  })
}

import type { AuditLog } from '../domain/audit/audit-log.ts'
import type { Author } from '../domain/audit/author.ts'
import type { AuditEvent } from '../domain/audit/event.ts'
import { canonicalJson } from '../kernel/canonical-json.ts'
import type { Clock } from '../kernel/clock.ts'
import { digestOf, digestOfText } from '../kernel/digest.ts'
import { newId } from '../kernel/ids.ts'
import { err, type Result } from '../kernel/result.ts'
import { buildInput, type ResourceInput } from '../policy/input.ts'
import type { PolicyInput } from '../policy/input.schema.ts'
import type { Decided, PolicyEngine } from '../policy/policy-engine.ts'
import { spokenReason } from '../policy/speaker.ts'
import { decisionEntry } from './call-events.ts'
import type { OperatorCaller } from './caller.ts'
import { enforceable } from './obligations/enforceable.ts'
import type { Operation, Refusal } from './operation.ts'

export interface OperatorQuestionDeps {
  readonly clock: Clock
  readonly timeZone: string
  /** Every group's name, for callers that have every group. */
  readonly groupNames: () => Promise<readonly string[]>
}

export interface ActDeps extends OperatorQuestionDeps {
  readonly policy: PolicyEngine
  readonly auditLog: AuditLog
}

export type Act = <T>(caller: OperatorCaller, operation: Operation<T>) => Promise<Result<T, Refusal>>

/**
 * The guard's way for people and pipelines: the policy decides the operation as it decides a tool call. A denial is on
 * record before it is answered; an allowed change carries its decision in the transaction that makes it.
 */
export function createAct(deps: ActDeps): Act {
  return async (caller, operation) => {
    const input = await operatorQuestion(deps, caller, operation)
    const { decision, policy } = deps.policy.decide(input)
    const decided: Decided = { decision: enforceable(decision, operation.action), policy }
    const allowed = decided.decision.effect === 'allow'
    const breakGlass = !allowed && operation.breakGlass && caller.role === 'admin'
    if (!allowed && !breakGlass) return err(await denied(deps, caller, operation, input, decided))
    const result = await operation.run(author(caller, input, decided, breakGlass))
    return result.ok ? result : err({ kind: 'fault', fault: result.error })
  }
}

/** Puts a person's or a pipeline's operation to the policy, as `agentQuestion` does a call. */
export async function operatorQuestion(
  deps: OperatorQuestionDeps,
  caller: OperatorCaller,
  operation: Pick<Operation<unknown>, 'action' | 'resource' | 'derived' | 'arguments'>,
  mode: PolicyInput['mode'] = 'enforce',
): Promise<PolicyInput> {
  const { action, resource, derived } = operation
  return buildInput({
    call: {
      id: newId('dec'),
      action,
      tool: '',
      digest: digestOf({ principal: caller.id, action, arguments: operation.arguments, resource: resource?.id ?? '' }),
      attempt: 1,
      unixMs: deps.clock.now(),
    },
    timeZone: deps.timeZone,
    principal: {
      kind: caller.kind,
      id: caller.id,
      name: caller.name,
      role: caller.role,
      groups: caller.groups === 'every' ? await deps.groupNames() : caller.groups,
    },
    client: { ip: caller.request.clientIp },
    ...(resource === undefined ? {} : { resource }),
    ...(derived === undefined ? {} : { derived }),
    arguments: operation.arguments,
    ...(operation.derived === undefined ? {} : { derived: operation.derived }),
    mode,
  })
}

async function denied(
  deps: ActDeps,
  caller: OperatorCaller,
  operation: Pick<Operation<unknown>, 'resource'>,
  input: PolicyInput,
  decided: Decided,
): Promise<Refusal> {
  // An approval cannot be asked for over REST, so what needs one is refused like a denial.
  const { code, message } = spokenReason(decided.decision, 'explain')
  const common = {
    actor: { kind: caller.kind, id: caller.id, name: caller.name },
    client: { ip: caller.request.clientIp, name: '', version: '' },
    resource: operation.resource === undefined ? null : resourceOf(operation.resource),
    requestId: caller.request.id,
    traceparent: caller.request.traceparent,
  }
  const entry = decisionEntry(common, 'API_POLICY_DENIED', input, decided, code)
  await deps.auditLog.append([
    { ...entry, event: { ...entry.event, details: { ...entry.event.details, action: input.call.action } } },
  ])
  return { kind: 'denied', code, message, decisionId: input.call.id }
}

function author(
  caller: OperatorCaller,
  input: PolicyInput,
  { decision, policy }: Decided,
  breakGlass: boolean,
): Author {
  const record = { id: input.call.id, input: canonicalJson(input), decision: canonicalJson(decision) }
  return {
    actor: { kind: caller.kind, id: caller.id, name: caller.name },
    groups: caller.groups,
    keyMinters: caller.keyMinters ?? [],
    requestId: caller.request.id,
    traceparent: caller.request.traceparent,
    client: { ip: caller.request.clientIp, name: '', version: '' },
    decision: {
      policy: { revision: policy.revision, digest: policy.digest },
      inputDigest: digestOfText(record.input),
      record,
      obligations: decision.obligations,
    },
    breakGlass,
  }
}

function resourceOf(resource: ResourceInput): AuditEvent['resource'] {
  return {
    type: resource.type,
    id: resource.id ?? null,
    name: resource.name,
    groups: resource.groups ?? [],
    environment: resource.environment ?? '',
    version: null,
  }
}

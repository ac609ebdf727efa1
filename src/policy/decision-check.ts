import { Ajv } from 'ajv'
import { canonicalJson } from '../kernel/canonical-json.ts'
import { type FaultCode, faults } from '../kernel/faults.ts'
import { ownSchemas } from '../kernel/own-schemas.ts'
import { err, ok, type Result } from '../kernel/result.ts'
import { type Decision, decisionSchema } from './decision.schema.ts'
import { isKnownObligation } from './obligations.ts'
import { unfitForPolicy } from './plain-value.ts'

export type GatewayCode = Extract<FaultCode, `GATEWAY_${string}`>

/** Why the gateway denies although no policy did. */
export interface GatewayProblem {
  readonly code: GatewayCode
  /** For the operator. */
  readonly problem: string
}

/** With these words every shipped reason to deny begins. */
export const denialOpening = 'Access denied'

const decisionBounds = { depthMax: 16, sizeMax: 1_048_576 } as const

// A policy's answer is parsed JSON: a member that it only inherits was never answered.
const isDecision = new Ajv({ ...ownSchemas, ownProperties: true }).compile<Decision>(decisionSchema)

/**
 * Takes a policy's answer at its word only when it is whole: the schema's shape, an echo of this very call, an effect
 * that its reasons bear out, and obligations that the gateway knows.
 * @returns the decision with its lists in canonical order, since a Rego set has the order of its hashes
 */
export function checkDecision(answer: unknown, callId: string): Result<Decision, GatewayProblem> {
  if (answer === undefined) return err({ code: 'GATEWAY_DECISION_UNDEFINED', problem: 'the decision is undefined' })
  const unfit = unfitForPolicy(answer, decisionBounds)
  if (unfit !== undefined) return err({ code: 'GATEWAY_DECISION_INVALID', problem: unfit })
  if (!isDecision(answer)) {
    const [error] = isDecision.errors ?? []
    return err({
      code: 'GATEWAY_DECISION_INVALID',
      problem: `decision${error?.instancePath ?? ''} ${error?.message ?? ''}`,
    })
  }
  if (answer.callId !== callId)
    return err({ code: 'GATEWAY_DECISION_MISMATCH', problem: 'callId is not that of the input' })
  const contradiction = contradictionIn(answer)
  if (contradiction !== undefined) return err({ code: 'GATEWAY_DECISION_INVALID', problem: contradiction })
  const unknown = answer.obligations.find((obligation) => !isKnownObligation(obligation))
  if (unknown !== undefined)
    return err({ code: 'GATEWAY_OBLIGATION_UNKNOWN', problem: `obligation ${unknown.type.slice(0, 64)}` })
  return ok(canonical(answer))
}

/** The well-formed denial that stands in for a policy's answer. */
export function gatewayDenial({ code, problem }: GatewayProblem, callId: string): Decision {
  return {
    schema: 'certlocker.decision/v1',
    inputSchema: 'certlocker.input/v1',
    callId,
    effect: 'deny',
    reasons: [
      { code, title: faults[code].text, severity: 'high', rule: 'gateway', details: { problem }, visibility: 'agent' },
    ],
    obligations: [],
    approval: { groups: [], roles: [], quorum: 0, useSeconds: 0 },
    labels: {},
  }
}

function contradictionIn({ effect, reasons, approval }: Decision): string | undefined {
  if (reasons.length === 0) return `${effect} without a reason`
  if (effect === 'require_approval') return approval.quorum === 0 ? 'require_approval by nobody' : undefined
  if (effect === 'deny') return undefined
  if (approval.quorum > 0) return 'allow that asks for an approval'
  return reasons.some(({ title }) => title.startsWith(denialOpening)) ? 'allow with a reason to deny' : undefined
}

/** Members lie in the order of canonical JSON (RFC 8785), so that writing it out for the log needs no sorting. */
function canonical({ approval, reasons, obligations, ...rest }: Decision): Decision {
  return {
    approval: {
      groups: approval.groups.toSorted(),
      quorum: approval.quorum,
      roles: approval.roles.toSorted(),
      useSeconds: approval.useSeconds,
    },
    callId: rest.callId,
    effect: rest.effect,
    inputSchema: rest.inputSchema,
    labels: rest.labels,
    obligations: ordered(obligations, ({ type }) => type),
    reasons: ordered(reasons.map(canonicalReason), ({ code, rule }) => `${code} ${rule}`),
    schema: rest.schema,
  }
}

function canonicalReason({ code, details, rule, severity, title, visibility }: Decision['reasons'][number]) {
  return { code, details, rule, severity, title, visibility }
}

/** By the given key, and by the whole text where keys are equal. */
function ordered<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  if (items.length < 2) return [...items]
  return items
    .map((item) => ({ item, key: keyOf(item), text: canonicalJson(item) }))
    .sort((a, b) => compare(a.key, b.key) || compare(a.text, b.text))
    .map(({ item }) => item)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

import { createHmac } from 'node:crypto'
import type { OperatorCaller } from '../../gateway/caller.ts'
import { canonicalJson } from '../../kernel/canonical-json.ts'
import { fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { RestDeps } from './rest-deps.ts'
import { Accepted, type Answer, type Route, type RouteRefusal, type SentRequest } from './route.ts'

export interface RouteAnswer {
  readonly status: number
  readonly body: Answer
  /** This is the answer to an earlier request under the same key. */
  readonly isReplayed: boolean
}

/**
 * Answers a request, and one that its caller numbered with `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header)
 * at most once: repeated, it is given the first answer without what is shown only once. A refused request leaves its
 * key free. One that broke off keeps it, since nobody knows how far it came.
 * @param key undefined when the caller sent none
 */
export async function answerOnce(
  deps: RestDeps,
  route: Route,
  caller: OperatorCaller,
  sent: SentRequest,
  key: string | undefined,
): Promise<Result<RouteAnswer, RouteRefusal>> {
  if (key === undefined || route.method === 'GET') return answer(deps, route, caller, sent)
  if (!KEY.test(key)) return err({ kind: 'fault', fault: fault('IDEMPOTENCY_KEY_INVALID') })

  const { idempotency } = deps.stores
  const request = { principalId: caller.id, key, mac: macOf(route, sent, deps.hmacKey) }
  const claim = await idempotency.claim(request)
  if (claim.kind === 'other') return err({ kind: 'fault', fault: fault('IDEMPOTENCY_KEY_REUSED') })
  if (claim.kind === 'unanswered') return err({ kind: 'fault', fault: fault('IDEMPOTENCY_KEY_IN_USE') })
  if (claim.kind === 'answered') return ok({ status: claim.answer.status, body: claim.answer.body, isReplayed: true })

  const answered = await answer(deps, route, caller, sent)
  if (answered.ok)
    await idempotency.answered(request, { status: answered.value.status, body: lasting(route, answered.value.body) })
  else await idempotency.release(request)
  return answered
}

/** Visible ASCII and spaces inside; a quoted key (RFC 8941 string) is taken with its quotes. */
const KEY = /^[!-~](?:[ -~]{0,253}[!-~])?$/

async function answer(
  deps: RestDeps,
  route: Route,
  caller: OperatorCaller,
  sent: SentRequest,
): Promise<Result<RouteAnswer, RouteRefusal>> {
  const result = await route.answer(deps, caller, sent)
  if (!result.ok) return result
  return result.value instanceof Accepted
    ? ok({ status: 202, body: result.value.answer, isReplayed: false })
    : ok({ status: route.status, body: result.value, isReplayed: false })
}

/** Keyed, since a body may hold a value that a bare digest would let one guess. */
function macOf({ id: route }: Route, { id, query, body = null, bytes }: SentRequest, hmacKey: Buffer): Buffer {
  return createHmac('sha256', hmacKey)
    .update(`certlocker.request/v1 ${canonicalJson({ body, id, query, route })}`)
    .update(bytes)
    .digest()
}

function lasting({ onceShown }: Route, body: Answer): string {
  if (typeof body === 'string') return JSON.stringify(body)
  return JSON.stringify(Object.fromEntries(Object.entries(body).filter(([name]) => !onceShown.includes(name))))
}

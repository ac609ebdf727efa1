import { isObject } from '../api.ts'

const ANSWER_MS_MAX = 15_000
/** Local clocks differ from the gateway's by less, or are corrected by its `Date` header, which counts whole seconds. */
const SKEW_MS_IGNORED = 2000

/** What the gateway says when asked for a token's successor. */
export type Rotation =
  | { readonly kind: 'rotated'; readonly value: string; readonly dueInMs: number }
  | { readonly kind: 'not-due'; readonly dueInMs: number }
  /** This token does not rotate, or this gateway knows no rotation. */
  | { readonly kind: 'never' }
  /** Expired, revoked, or replaced longer ago than the overlap. */
  | { readonly kind: 'refused' }
  /** Nobody knows whether it was rotated. Asking again is harmless while the successor is unused. */
  | { readonly kind: 'unknown' }

/** Asks `POST /rest/token/rotate` for the successor of a token. */
export async function askRotation(url: string, token: string, interrupted: AbortSignal): Promise<Rotation> {
  try {
    const response = await fetch(`${url}/rest/token/rotate`, {
      method: 'POST',
      redirect: 'error',
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.any([AbortSignal.timeout(ANSWER_MS_MAX), interrupted]),
    })
    return rotationIn(response.status, await response.text(), response.headers.get('date'))
  } catch {
    return { kind: 'unknown' }
  }
}

function rotationIn(status: number, text: string, date: string | null): Rotation {
  if (status === 401) return { kind: 'refused' }
  if (status === 404 || status === 405) return { kind: 'never' }
  const body: unknown = JSON.parse(text)
  const dueInMs = dueIn(body, date)
  if (dueInMs === undefined || !isObject(body)) return { kind: status === 409 ? 'never' : 'unknown' }
  if (status === 409) return { kind: 'not-due', dueInMs }
  const { value } = body
  return status === 200 && typeof value === 'string' ? { kind: 'rotated', value, dueInMs } : { kind: 'unknown' }
}

/** `rotateAfter` of an answer or, in a refusal, of its error or the error's details. */
function dueIn(body: unknown, date: string | null): number | undefined {
  if (!isObject(body)) return undefined
  const { error } = body
  const places = [body, error, isObject(error) ? error['details'] : undefined]
  const named = places.find((place) => isObject(place) && typeof place['rotateAfter'] === 'string')
  const at = isObject(named) ? Date.parse(String(named['rotateAfter'])) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - gatewayNow(date))
}

function gatewayNow(date: string | null): number {
  const now = Date.now()
  const theirs = Date.parse(date ?? '')
  return Math.abs(theirs - now) > SKEW_MS_IGNORED ? theirs : now
}

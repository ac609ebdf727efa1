import type { Setback } from '../../domain/certificates/certificate-authority.ts'
import { plainText, shortText } from '../../kernel/bounded-text.ts'
import { FaultError, fault } from '../../kernel/fault.ts'
import { listAt, textAt } from '../../kernel/json-members.ts'
import { type HttpAnswer, NoAnswer, retryAfterMs } from './https-request.ts'

const DETAIL_CHARACTERS = 400
const URN = 'urn:ietf:params:acme:error:'
const RATE_LIMITED_MS = 60_000

/** An answer that is no success (RFC 8555, section 6.7; RFC 9457). Its detail is the server's text: shown, never obeyed. */
export class AcmeProblem extends Error {
  readonly status: number
  /** Without the ACME prefix; empty when the answer named none. */
  readonly type: string
  readonly retryAfterMs: number | null

  constructor(parts: { status: number; type: string; detail: string; retryAfterMs: number | null }) {
    super(parts.detail)
    this.name = 'AcmeProblem'
    this.status = parts.status
    this.type = parts.type
    this.retryAfterMs = parts.retryAfterMs
  }
}

/** @returns the problem that an answer states, or undefined for a success */
export function problemIn(answer: HttpAnswer): AcmeProblem | undefined {
  const { status, text } = answer
  if (status >= 200 && status < 300) return undefined
  const document = documentOf(text)
  const type = textAt(document, 'type') ?? ''
  return new AcmeProblem({
    status,
    type: type.startsWith(URN) ? type.slice(URN.length) : '',
    detail: problemText(document) ?? `it answers ${status}`,
    retryAfterMs: retryAfterMs(answer),
  })
}

/** What a problem document says, with what it says of each name, on one line. */
export function problemText(document: unknown): string | undefined {
  const parts = [document, ...listAt(document, 'subproblems')].flatMap((each) => {
    const detail = textAt(each, 'detail')
    const name = textAt(each, 'identifier', 'value')
    return detail === undefined ? [] : [name === undefined ? detail : `${name}: ${detail}`]
  })
  return parts.length === 0 ? undefined : shortText(plainText(parts.join('; ')).replace(/\s+/g, ' '), DETAIL_CHARACTERS)
}

/**
 * What a step that threw means for its order: a refusal ends it, everything else passes.
 * @throws what is neither the server's nor the network's
 */
export function setbackOf(error: unknown): Setback {
  if (error instanceof FaultError) return { fault: error.fault, retryAfterMs: null }
  if (error instanceof NoAnswer)
    return {
      fault: fault('ISSUER_UNAVAILABLE', { message: `The certificate authority: ${error.message}` }),
      retryAfterMs: null,
    }
  if (!(error instanceof AcmeProblem)) throw error
  const { status, type, message: detail } = error
  if (type === 'rateLimited' || status === 429)
    return {
      fault: fault('ISSUER_RATE_LIMITED', { message: `The certificate authority has had enough requests: ${detail}` }),
      retryAfterMs: error.retryAfterMs ?? RATE_LIMITED_MS,
    }
  const passes =
    status >= 500 ||
    status < 400 ||
    ['badNonce', 'orderNotReady', 'accountDoesNotExist', 'serverInternal'].includes(type)
  const message = `The certificate authority ${passes ? 'gives no usable answer' : 'refuses'}: ${detail}`
  return {
    fault: fault(passes ? 'ISSUER_UNAVAILABLE' : 'ISSUER_REFUSED', { message }),
    retryAfterMs: error.retryAfterMs,
  }
}

function documentOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

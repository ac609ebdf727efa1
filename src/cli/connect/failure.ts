import { SdkError, SdkHttpError } from '@modelcontextprotocol/client'
import { isObject } from '../api.ts'
import { ConnectError } from './token-source.ts'

/** Why a message did not get through, and what to do. */
export function failureText(url: string, error: unknown): string {
  if (error instanceof ConnectError) return sentence(error.message)
  if (error instanceof SdkHttpError) return httpFailure(url, error)
  if (error instanceof SdkError || error instanceof SyntaxError) return notTheGateway(url, 'answered')
  return `${url} cannot be reached: start the gateway (certlocker serve) or set CERTLOCKER_URL`
}

/** A session that the gateway no longer knows: ended for idleness, by a person, or with a token that was replaced. */
export function isSessionGone(error: unknown): boolean {
  return error instanceof SdkHttpError && error.status === 404 && codeIn(error) === 'NOT_FOUND'
}

/** The JSON-RPC error that a refused POST carried as its body, as malformed messages and unknown methods do. */
export function rpcErrorIn(error: unknown): RpcError | undefined {
  if (!(error instanceof SdkHttpError)) return undefined
  const { code, message, data } = refusalIn(error)
  if (typeof code !== 'number' || typeof message !== 'string') return undefined
  return { code, message, ...(data === undefined ? {} : { data }) }
}

export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

function httpFailure(url: string, error: SdkHttpError): string {
  const { status } = error
  const { message, requestId } = refusalIn(error)
  if (typeof message !== 'string') return notTheGateway(url, `answered HTTP ${status}`)
  const trace = typeof requestId === 'string' ? ` (request ${requestId})` : ''
  const remedy = remedies[status] ?? (status >= 500 ? ': try again, and look at the log of the gateway' : '')
  return `the gateway answered HTTP ${status}, ${codeIn(error)}, ${message}${remedy}${trace}`
}

function notTheGateway(url: string, answered: string): string {
  return `${url} ${answered}, but not as CertLocker does: check CERTLOCKER_URL and the proxies in between`
}

const remedies: Readonly<Record<number, string>> = {
  403: ': set CERTLOCKER_URL to an address under which the gateway knows itself (http.publicUrl)',
  429: ': call less often, and again in a minute',
  503: ': try again in a moment',
}

function codeIn(error: SdkHttpError): string {
  const { code } = refusalIn(error)
  return typeof code === 'string' ? code : ''
}

/** The gateway's `{error: {code, message, requestId}}`. */
function refusalIn({ data }: SdkHttpError): { readonly [name: string]: unknown } {
  try {
    const body: unknown = JSON.parse(typeof data.text === 'string' ? data.text : '')
    const error = isObject(body) ? body['error'] : undefined
    return isObject(error) ? error : {}
  } catch {
    return {}
  }
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

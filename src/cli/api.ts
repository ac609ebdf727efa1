import { setTimeout as delay } from 'node:timers/promises'
import type { CliEnvironment } from '../config/cli-environment.ts'
import { CliError, exitCodes } from './cli-error.ts'

export type Json = { readonly [name: string]: unknown }
export type Query = { readonly [name: string]: string | number | undefined }

/** The gateway's REST API, under `/api/v1`. */
export interface Api {
  /** @throws CliError: 3 when the gateway refuses who asks or what is asked, 1 for every other failure */
  call(method: string, path: string, options?: { readonly query?: Query; readonly body?: Json }): Promise<Json>
  /** Sends a file, and answers as `call` does. */
  upload(path: string, bytes: Uint8Array<ArrayBuffer>, contentType: string): Promise<Json>
  /** The bytes of an answer that is no JSON document. */
  stream(path: string, query?: Query): Promise<ReadableStream<Uint8Array>>
}

interface Upload {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly contentType: string
}

const ANSWER_MS_MAX = 120_000

export function restApi({ url, apiKey }: CliEnvironment): Api {
  const send = async (
    method: string,
    path: string,
    { query = {}, body, file }: { query?: Query; body?: Json; file?: Upload } = {},
  ): Promise<Response> => {
    if (apiKey === undefined) {
      throw new CliError(
        exitCodes.usage,
        'CERTLOCKER_API_KEY is not set: export an API key (clk_api_…) or the bootstrap admin key',
      )
    }
    const address = new URL(`${url}/api/v1${path}`)
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) address.searchParams.set(name, String(value))
    const response = await reach(url, address, {
      method,
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(file === undefined ? {} : { 'content-type': file.contentType }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(file === undefined ? {} : { body: file.bytes }),
    })
    if (!response.ok) throw refusal(method, path, response.status, await response.text())
    return response
  }
  const document = async (response: Response): Promise<Json> => {
    const answer = parsed(await response.text())
    if (answer === undefined)
      throw new CliError(exitCodes.failed, `${url} does not answer as CertLocker does: check CERTLOCKER_URL`)
    return answer
  }
  return {
    call: async (method, path, options) => document(await send(method, path, options)),
    upload: async (path, bytes, contentType) => document(await send('PUT', path, { file: { bytes, contentType } })),
    async stream(path, query = {}) {
      const { body } = await send('GET', path, { query })
      if (body === null) throw new CliError(exitCodes.failed, `GET ${path} answered without a body`)
      return body
    },
  }
}

/** An `:id` in a path. */
export function pathOf(pattern: string, id = ''): string {
  return pattern.replace(/:\w+/u, () => encodeURIComponent(id))
}

/** The flags that are query parameters, as they were given. */
export function queryOf(names: readonly string[], flags: Json): Query {
  return Object.fromEntries(names.map((name) => [name, typeof flags[name] === 'string' ? flags[name] : undefined]))
}

async function reach(url: string, address: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address, init)
  } catch (error) {
    throw new CliError(
      exitCodes.failed,
      `${url} cannot be reached: start the gateway (certlocker serve) or set CERTLOCKER_URL`,
      error,
    )
  }
}

function refusal(method: string, path: string, status: number, text: string): CliError {
  const error = parsed(text)?.['error']
  const { code, message, requestId, details } = {
    code: `HTTP ${status}`,
    message: 'no reason given',
    requestId: '',
    details: {},
    ...(isObject(error) ? error : {}),
  }
  const problems = isObject(details) && Array.isArray(details['problems']) ? details['problems'] : []
  const listed = problems
    .map((problem) => `\n  ${textIn(problem, 'path') || '/'} ${textIn(problem, 'message')}`)
    .join('')
  const trace = requestId === '' ? '' : ` (request ${requestId})`
  const exitCode = status === 401 || status === 403 ? exitCodes.denied : exitCodes.failed
  return new CliError(exitCode, `${method} ${path}: ${code}: ${message}${trace}${problems.length > 1 ? listed : ''}`)
}

function textIn(value: unknown, name: string): string {
  return isObject(value) && typeof value[name] === 'string' ? value[name] : ''
}

function parsed(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Waits between two questions of a command that follows. @returns false when the reader interrupted it */
export async function pause(ms: number, interrupted: AbortSignal): Promise<boolean> {
  return delay(ms, true, { signal: interrupted }).catch(() => false)
}

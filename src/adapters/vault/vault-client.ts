import createNodeVault from 'node-vault'
import { isStorePath } from '../../domain/secrets/secret-source.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { VaultMeter, VaultOperation, VaultOutcome } from './vault-meter.ts'
import { type Transport, TransportError, type TransportRequest } from './vault-transport.ts'

export interface VaultRequest {
  readonly operation: VaultOperation
  readonly method: 'GET' | 'POST'
  /** Behind `/v1/`: segments of `[A-Za-z0-9._-]`. Anything else is a bug of the caller and throws. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly token?: Secret<string>
  readonly body?: object
  readonly timeoutMs?: number
}

/** An answer of the server's own: 2xx, or that it does not do what was asked. */
export interface VaultAnswer {
  readonly status: number
  /** Not checked yet. */
  readonly body: unknown
}

export interface VaultClientDeps {
  /** `https://host:port`, with a path if Vault lies behind one. */
  readonly address: string
  readonly namespace: string | undefined
  readonly transport: Transport
  readonly meter: VaultMeter
  readonly timeoutMs?: number
}

const REQUEST_MS = 5_000

/** Not the client's to settle, and another try may be answered otherwise. */
const passing = new Set([412, 429])

/**
 * Speaks Vault's HTTP API through node-vault, of which only the making of a request and the reading of a status are left:
 * its own transport follows redirections with the token, has no timeout and puts the token into its errors, and its
 * defaults come from the environment.
 */
export class VaultClient {
  readonly #deps: VaultClientDeps
  readonly #base: string
  readonly #vault: createNodeVault.client

  constructor(deps: VaultClientDeps) {
    this.#deps = deps
    this.#base = new URL(deps.address).href.replace(/\/$/, '')
    this.#vault = createNodeVault({
      endpoint: this.#base,
      debug: () => undefined,
      'request-promise': { defaults: () => (options: NodeVaultOptions) => this.#send(options) },
    })
    // What is not given it takes from VAULT_TOKEN, VAULT_NAMESPACE and VAULT_PREFIX.
    Object.assign(this.#vault, { token: '', namespace: '', pathPrefix: '' })
  }

  /**
   * @returns any answer of the server but those that say it cannot answer now, which count when its health is asked for;
   * SECRET_STORE_UNAVAILABLE for these, for silence, redirections, and whatever is no answer. The fault holds neither
   * token nor value.
   */
  async request(request: VaultRequest): Promise<Result<VaultAnswer, Fault>> {
    const startedMs = performance.now()
    const answer = await this.#ask(request)
    const seconds = (performance.now() - startedMs) / 1000
    this.#deps.meter.answered(request.operation, outcomeOf(answer), seconds)
    return answer
  }

  async #ask({ operation, method, path, query, token, body, timeoutMs }: VaultRequest) {
    if (!isStorePath(path)) throw new TypeError('a Vault path has a segment of other characters')
    const { namespace } = this.#deps
    const options: NodeVaultOptions = {
      method,
      path: `/${path}${query === undefined ? '' : `?${new URLSearchParams(query).toString()}`}`,
      headers: {
        'X-Vault-Request': 'true',
        ...(token === undefined ? {} : { 'X-Vault-Token': token.expose() }),
        ...(namespace === undefined || operation === 'health' ? {} : { 'X-Vault-Namespace': namespace }),
      },
      timeoutMs: timeoutMs ?? this.#deps.timeoutMs ?? REQUEST_MS,
      ...(body === undefined ? {} : { json: body }),
    }
    try {
      const answered: unknown = await this.#vault.request({ ...options })
      return ok<VaultAnswer>({ status: 200, body: answered })
    } catch (error) {
      const refused = refusalOf(error)
      if (refused === undefined) return err(unavailable(operation, error))
      const { status } = refused
      const isPassing = status >= 500 || passing.has(status)
      if (isPassing && operation !== 'health') return err(unavailable(operation, new TransportError(saying(status))))
      return ok(refused)
    }
  }

  /** What node-vault calls in place of its own HTTP client. */
  async #send({ uri = '', method, headers, json, timeoutMs }: NodeVaultOptions) {
    const url = new URL(uri)
    if (url.href !== uri || !uri.startsWith(`${this.#base}/v1/`))
      throw new TypeError('a Vault path changed when it was made a URL')
    const body = json === undefined ? undefined : JSON.stringify(json)
    const request: TransportRequest = {
      method,
      url,
      body,
      timeoutMs,
      headers: {
        ...headers,
        Accept: 'application/json',
        ...(body === undefined
          ? {}
          : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }),
      },
    }
    const answer = await this.#deps.transport.send(request)
    // node-vault takes every status for a success when the path has `sys/health` in it, whoever put it there.
    return { statusCode: answer.status, body: answer.body, request: { path: '' } }
  }
}

interface NodeVaultOptions {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly json?: object
  /** Added by node-vault. */
  readonly uri?: string
}

/** The status and body that node-vault wraps into an error. Any other error is not of the server's making. */
function refusalOf(error: unknown): VaultAnswer | undefined {
  if (!(error instanceof Error) || error instanceof TransportError || !('response' in error)) return undefined
  const { statusCode, body } = error.response as { readonly statusCode: number; readonly body: unknown }
  return { status: statusCode, body }
}

/** @throws what is a bug of ours */
function unavailable(operation: VaultOperation, error: unknown): Fault {
  if (!(error instanceof TransportError)) throw error
  return fault('SECRET_STORE_UNAVAILABLE', { detail: `Vault, ${operation}: ${error.message}` })
}

function saying(status: number): string {
  return status === 503 ? 'it is sealed, or in maintenance (503)' : `it answers ${status}`
}

function outcomeOf(answer: Result<VaultAnswer, Fault>): VaultOutcome {
  if (!answer.ok) return 'unavailable'
  if (answer.value.status === 404) return 'missing'
  return answer.value.status < 300 ? 'ok' : 'refused'
}

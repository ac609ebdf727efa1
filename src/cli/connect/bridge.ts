import { setTimeout as delay } from 'node:timers/promises'
import {
  isInitializeRequest,
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type RequestId,
  type StreamableHTTPClientTransport,
  type Transport,
} from '@modelcontextprotocol/client'
import { isObject } from '../api.ts'
import { failureText, isSessionGone, rpcErrorIn } from './failure.ts'
import type { Note } from './token-source.ts'

/** JSON-RPC 2.0 section 5.1. */
const INTERNAL_ERROR = -32603
const DRAIN_POLL_MS = 20
const PROTOCOL_VERSION = 'io.modelcontextprotocol/protocolVersion'

interface Pending {
  readonly cancelled: AbortController
  readonly isModern: boolean
}

/**
 * Hands JSON-RPC messages on between a client's transport and the gateway's, both ways and in both protocol eras. It adds
 * what HTTP needs and a client on stdio cannot know: the session, opened anew when the gateway has ended it, the revision
 * header, and for every request that gets no answer an error that says why.
 */
export class Bridge {
  readonly #client: Transport
  readonly #gateway: StreamableHTTPClientTransport
  readonly #url: string
  readonly #note: Note
  readonly #pending = new Map<RequestId, Pending>()
  /** The client's own `initialize`; sent again, with an id of ours, to open another session. */
  #handshake: JSONRPCRequest | undefined
  /** Settled when a handshake under way was answered; what comes after it needs its session. */
  #opened: Promise<void> = Promise.resolve()
  #handshakeAnswered: (answer: JSONRPCMessage | undefined) => void = () => undefined
  #reopening: Promise<void> | undefined
  #reopenings = 0

  constructor(client: Transport, gateway: StreamableHTTPClientTransport, url: string, note: Note) {
    this.#client = client
    this.#gateway = gateway
    this.#url = url
    this.#note = note
  }

  async start(): Promise<void> {
    this.#client.onmessage = (message) => void this.#fromClient(message)
    this.#client.onerror = (error) => this.#note(`a line of the client was skipped: ${error.message}`)
    this.#gateway.onmessage = (message) => this.#fromGateway(message)
    await this.#gateway.start()
    await this.#client.start()
  }

  /** Waits until no request is without its answer, but not longer than so. */
  async drain(msMax: number): Promise<void> {
    const until = Date.now() + msMax
    while (this.#pending.size > 0 && Date.now() < until) await delay(DRAIN_POLL_MS)
  }

  /** Ends the session and every connection to the gateway. */
  async close(msMax: number): Promise<void> {
    const ended = this.#gateway.terminateSession().catch(() => undefined)
    await Promise.race([ended, delay(msMax, undefined, { ref: false })])
    await this.#gateway.close()
  }

  async #fromClient(message: JSONRPCMessage): Promise<void> {
    if (this.#cancels(message)) return
    const request = isJSONRPCRequest(message) ? message : undefined
    const isModern = isModernMessage(message)
    if (request !== undefined) this.#pending.set(request.id, { cancelled: new AbortController(), isModern })
    const opened = this.#opened
    if (request !== undefined && isInitializeRequest(request)) {
      this.#handshake = request
      this.#awaitHandshake()
    } else if (!isModern) {
      await opened
    }
    await this.#send(message).catch((error: unknown) => this.#failed(request, error))
  }

  async #send(message: JSONRPCMessage): Promise<void> {
    try {
      await this.#post(message)
    } catch (error) {
      if (this.#handshake === undefined || isModernMessage(message) || !isSessionGone(error)) throw error
      // Nothing of the message was carried out, so it may go again.
      this.#reopening ??= this.#reopen().finally(() => {
        this.#reopening = undefined
      })
      await this.#reopening
      await this.#post(message)
    }
  }

  async #post(message: JSONRPCMessage): Promise<void> {
    if (!isJSONRPCRequest(message)) return this.#gateway.send(message)
    const { id } = message
    const pending = this.#pending.get(id)
    await this.#gateway.send(message, {
      ...(pending === undefined ? {} : { requestSignal: pending.cancelled.signal }),
      onRequestStreamEnd: () => this.#unanswered(id),
    })
  }

  async #reopen(): Promise<void> {
    if (this.#handshake === undefined) return
    this.#note('the gateway ended the session; another is opened')
    const id = `certlocker-connect-${++this.#reopenings}`
    const answered = new Promise<JSONRPCMessage | undefined>((resolve) => {
      this.#handshakeAnswered = resolve
    })
    await this.#gateway.send(
      { ...this.#handshake, id },
      { onRequestStreamEnd: () => this.#handshakeAnswered(undefined) },
    )
    const answer = await answered
    if (answer === undefined || !isJSONRPCResultResponse(answer)) throw new Error('no session was opened')
    await this.#gateway.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
  }

  #awaitHandshake(): void {
    this.#opened = new Promise((resolve) => {
      this.#handshakeAnswered = () => resolve()
    })
  }

  #fromGateway(message: JSONRPCMessage): void {
    const isResult = isJSONRPCResultResponse(message)
    if (isResult || isJSONRPCErrorResponse(message)) {
      const { id } = message
      if (isResult && typeof message.result['protocolVersion'] === 'string' && this.#isHandshake(id))
        this.#gateway.setProtocolVersion(message.result['protocolVersion'])
      if (this.#isHandshake(id)) this.#handshakeAnswered(message)
      if (id === undefined || !this.#pending.delete(id)) return
    }
    this.#toClient(message)
  }

  #isHandshake(id: RequestId | undefined): boolean {
    return id === this.#handshake?.id || id === `certlocker-connect-${this.#reopenings}`
  }

  #toClient(message: JSONRPCMessage): void {
    // A client that no longer reads has closed its side, which ends the bridge.
    this.#client.send(message).catch(() => undefined)
  }

  /** On HTTP, 2026-07-28 cancels a request by closing its answer, and has no message for it. */
  #cancels(message: JSONRPCMessage): boolean {
    if (!('method' in message) || message.method !== 'notifications/cancelled') return false
    const id = message.params?.['requestId']
    if (typeof id !== 'string' && typeof id !== 'number') return false
    const pending = this.#pending.get(id)
    if (pending?.isModern !== true) return false
    this.#pending.delete(id)
    pending.cancelled.abort()
    return true
  }

  #unanswered(id: RequestId): void {
    if (this.#isHandshake(id)) this.#handshakeAnswered(undefined)
    if (!this.#pending.delete(id)) return
    const message = `${this.#url} broke off before it answered: what was asked may have happened; look at the audit log before asking again`
    this.#toClient({ jsonrpc: '2.0', id, error: { code: INTERNAL_ERROR, message } })
  }

  #failed(request: JSONRPCRequest | undefined, error: unknown): void {
    const reason = rpcErrorIn(error) ?? { code: INTERNAL_ERROR, message: failureText(this.#url, error) }
    if (request === undefined) return this.#note(reason.message)
    if (this.#isHandshake(request.id)) this.#handshakeAnswered(undefined)
    if (!this.#pending.delete(request.id)) return
    this.#note(reason.message)
    this.#toClient({ jsonrpc: '2.0', id: request.id, error: reason })
  }
}

function isModernMessage(message: JSONRPCMessage): boolean {
  const meta = 'params' in message && isObject(message.params) ? message.params['_meta'] : undefined
  return isObject(meta) && typeof meta[PROTOCOL_VERSION] === 'string'
}

import { setTimeout as delay } from 'node:timers/promises'
import type { AuthProvider } from '@modelcontextprotocol/client'
import { isBearer } from '../../kernel/bearer.ts'
import { askRotation } from './rotation.ts'
import { ConnectError, type Note, type TokenSource } from './token-source.ts'

const RETRY_MS_FIRST = 500
const RETRY_MS_MAX = 30_000
/** Node's timers count to 24 days; asking once a day costs nothing. */
const WAIT_MS_MAX = 86_400_000

/** The bearer of the bridge. It follows rotation: by itself when it is due, or another bridge that was first. */
export class RotatingToken implements AuthProvider {
  readonly #url: string
  readonly #source: TokenSource
  readonly #note: Note
  #current: string | undefined
  /** Not asked about again; the next token in its place is. */
  #refused: string | undefined

  constructor(url: string, source: TokenSource, note: Note) {
    this.#url = url
    this.#source = source
    this.#note = note
  }

  async token(): Promise<string> {
    this.#current ??= await this.#read()
    return this.#current
  }

  /** Called on a 401. @throws ConnectError unless another token has come to lie where this one came from */
  async onUnauthorized(): Promise<void> {
    const latest = await this.#read()
    if (latest === this.#current) {
      throw new ConnectError(
        `the gateway does not accept the MCP token of ${this.#source.place}: it expired, was revoked, or may not be used from here. Mint another (certlocker tokens create) and put it there`,
      )
    }
    this.#current = latest
  }

  /** Rotates the token whenever that is due, until it turns out not to rotate, or the signal comes. */
  async follow(signal: AbortSignal): Promise<void> {
    let retryMs = RETRY_MS_FIRST
    while (!signal.aborted) {
      const waitMs = await this.#source.exclusively(() => this.#step(signal))
      if (waitMs === 'never') return
      retryMs = waitMs === 'unknown' ? Math.min(retryMs * 2, RETRY_MS_MAX) : RETRY_MS_FIRST
      const ms = waitMs === 'unknown' ? retryMs : Math.min(waitMs, WAIT_MS_MAX)
      await delay(ms, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }

  /** @returns when to ask again, in milliseconds */
  async #step(signal: AbortSignal): Promise<number | 'never' | 'unknown'> {
    const stored = await this.#read()
    this.#current = stored
    if (stored === this.#refused) return 'unknown'
    const answer = await askRotation(this.#url, stored, signal)
    if (answer.kind === 'rotated') {
      // First kept, then used: once it was used, its predecessor gets no other successor.
      await this.#source.keep(answer.value)
      this.#current = answer.value
      return answer.dueInMs
    }
    if (answer.kind === 'not-due') return Math.max(answer.dueInMs, RETRY_MS_FIRST)
    if (answer.kind !== 'refused') return answer.kind
    this.#refused = stored
    this.#note(`the gateway does not accept the MCP token of ${this.#source.place}`)
    return 'unknown'
  }

  async #read(): Promise<string> {
    const value = await this.#source.read()
    if (isBearer('clk_mcp', value)) return value
    throw new ConnectError(
      `what ${this.#source.place} holds is not an MCP token (clk_mcp_…): it may be cut short, or an API key`,
    )
  }
}

import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { Agent as HttpsAgent } from 'node:https'
import { calculateJwkThumbprint, exportJWK, FlattenedSign, type JWK } from 'jose'
import type { Secret } from '../../kernel/secret.ts'
import { memberOf, textAt } from '../../kernel/json-members.ts'
import { AcmeProblem, problemIn } from './acme-problem.ts'
import { ask, type HttpAnswer, NoAnswer, retryAfterMs } from './https-request.ts'

/** A server may reject a nonce whenever it likes (RFC 8555, section 6.5); each rejection brings the next one. */
const NONCE_TRIES = 40
const NONCES_MAX = 64
const SOCKETS_MAX = 32
const DIRECTORY_MS = 3_600_000
const JOSE = 'application/jose+json'

export interface AcmeSettings {
  readonly directoryUrl: string
  /** Certificates (PEM) that the server is checked against, in place of the usual ones. */
  readonly ca?: string
  readonly contact?: string
  /** External account binding: key id and MAC key (base64url). */
  readonly eab?: { readonly keyId: string; readonly hmacKey: Secret<string> }
}

export interface AcmeAnswer {
  readonly status: number
  readonly location: string | undefined
  /** Where a list goes on (RFC 8555, section 7.1.2.1; RFC 8288). */
  readonly next: string | undefined
  readonly retryAfterMs: number | null
  readonly json: unknown
  readonly text: string
}

/** Speaks ACME (RFC 8555) with one server for one account. Timeouts, no redirections, and no answer beyond a bound. */
export class AcmeClient {
  readonly #settings: AcmeSettings
  readonly #accountKey: () => Promise<Secret<string>>
  readonly #agent: HttpsAgent
  readonly #nonces: string[] = []
  #directory: { readonly json: unknown; readonly until: number } | undefined
  #account: Promise<Account> | undefined

  /** @param accountKey PKCS #8, PEM; ECDSA P-256 */
  constructor(settings: AcmeSettings, accountKey: () => Promise<Secret<string>>) {
    this.#settings = settings
    this.#accountKey = accountKey
    const { ca } = settings
    this.#agent = new HttpsAgent({ keepAlive: true, maxSockets: SOCKETS_MAX, ...(ca === undefined ? {} : { ca }) })
  }

  /** The account, registered or found under its key, with the answer of the server. */
  async account(): Promise<Account> {
    this.#account ??= this.#register()
    try {
      return await this.#account
    } catch (error) {
      this.#account = undefined
      throw error
    }
  }

  /** What the directory names; undefined when it does not offer that. @throws NoAnswer, AcmeProblem */
  async resource(name: string): Promise<string | undefined> {
    if (this.#directory === undefined || this.#directory.until < performance.now()) {
      const answer = answered(await this.#ask(this.#settings.directoryUrl, 'GET'))
      if (textAt(answer.json, 'newOrder') === undefined) throw new NoAnswer('its directory is none')
      this.#directory = { json: answer.json, until: performance.now() + DIRECTORY_MS }
    }
    return textAt(this.#directory.json, name)
  }

  /**
   * A signed request; without a payload it is POST-as-GET.
   * @throws NoAnswer, or AcmeProblem for an answer that is no success
   */
  async post(url: string, payload?: object): Promise<AcmeAnswer> {
    const { key, url: kid } = await this.account()
    try {
      return await this.#signed(url, payload, key, { kid })
    } catch (error) {
      if (error instanceof AcmeProblem && error.type === 'accountDoesNotExist') this.#account = undefined
      throw error
    }
  }

  /** An unsigned request. @throws NoAnswer, AcmeProblem */
  async get(url: string): Promise<AcmeAnswer> {
    return answered(await this.#ask(url, 'GET'))
  }

  close(): void {
    this.#agent.destroy()
  }

  async #register(): Promise<Account> {
    const key = createPrivateKey((await this.#accountKey()).expose())
    const jwk = await publicJwk(key)
    const url = await this.#needed('newAccount')
    const { contact } = this.#settings
    const binding = await this.#binding(url, jwk)
    const answer = await this.#signed(
      url,
      {
        termsOfServiceAgreed: true,
        ...(contact === undefined ? {} : { contact: [`mailto:${contact}`] }),
        ...(binding === undefined ? {} : { externalAccountBinding: binding }),
      },
      key,
      { jwk },
    )
    if (answer.location === undefined) throw new NoAnswer('it names no account')
    return {
      key,
      url: answer.location,
      thumbprint: await calculateJwkThumbprint(jwk),
      ordersUrl: textAt(answer.json, 'orders'),
    }
  }

  async #binding(url: string, jwk: JWK): Promise<object | undefined> {
    const { eab } = this.#settings
    if (eab === undefined) return undefined
    return new FlattenedSign(Buffer.from(JSON.stringify(jwk)))
      .setProtectedHeader({ alg: 'HS256', kid: eab.keyId, url })
      .sign(Buffer.from(eab.hmacKey.expose(), 'base64url'))
  }

  async #signed(
    url: string,
    payload: object | undefined,
    key: KeyObject,
    by: { jwk: JWK } | { kid: string },
  ): Promise<AcmeAnswer> {
    const bytes = Buffer.from(payload === undefined ? '' : JSON.stringify(payload))
    for (let tries = 1; ; tries++) {
      const nonce = this.#nonces.pop() ?? (await this.#newNonce())
      const jws = await new FlattenedSign(bytes).setProtectedHeader({ alg: 'ES256', nonce, url, ...by }).sign(key)
      // jose leaves an empty payload out of its types' view, and ACME asks for it.
      const body = JSON.stringify({ protected: jws.protected, payload: jws.payload, signature: jws.signature })
      const answer = await this.#ask(url, 'POST', body)
      const problem = problemIn(answer)
      if (problem?.type !== 'badNonce' || tries >= NONCE_TRIES) return answered(answer)
    }
  }

  async #newNonce(): Promise<string> {
    answered(await this.#ask(await this.#needed('newNonce'), 'HEAD'))
    const nonce = this.#nonces.pop()
    if (nonce === undefined) throw new NoAnswer('it gives no nonce')
    return nonce
  }

  async #needed(name: string): Promise<string> {
    const url = await this.resource(name)
    if (url === undefined) throw new NoAnswer(`its directory names no ${name}`)
    return url
  }

  async #ask(url: string, method: 'GET' | 'HEAD' | 'POST', body?: string): Promise<HttpAnswer> {
    const agent = url.startsWith('https:') ? { agent: this.#agent } : {}
    const sent = body === undefined ? {} : { body, headers: { 'content-type': JOSE } }
    const answer = await ask(url, { method, ...agent, ...sent })
    const nonce = answer.headers['replay-nonce']
    if (typeof nonce === 'string' && /^[A-Za-z0-9_-]+$/.test(nonce) && this.#nonces.length < NONCES_MAX)
      this.#nonces.push(nonce)
    return answer
  }
}

export interface Account {
  readonly key: KeyObject
  readonly url: string
  /** Of the key (RFC 7638); what challenges are answered with. */
  readonly thumbprint: string
  /** Where its orders are listed; few servers do. */
  readonly ordersUrl: string | undefined
}

/** What a TXT record answers a dns-01 challenge with (RFC 8555, section 8.4). */
export function dnsAnswer(keyAuthorization: string): string {
  return createHash('sha256').update(keyAuthorization).digest('base64url')
}

async function publicJwk(key: KeyObject): Promise<JWK> {
  return exportJWK(createPublicKey(key))
}

function answered(answer: HttpAnswer): AcmeAnswer {
  const problem = problemIn(answer)
  if (problem !== undefined) throw problem
  const { location } = answer.headers
  return {
    status: answer.status,
    location,
    next: nextIn(answer),
    retryAfterMs: retryAfterMs(answer),
    json: jsonOf(answer.text),
    text: answer.text,
  }
}

function nextIn({ headers }: HttpAnswer): string | undefined {
  const { link = [] } = headers
  return /<([^<>]+)>[^<>,]*;\s*rel="?next\b/i.exec([link].flat().join())?.[1]
}

function jsonOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return memberOf(value) === undefined ? undefined : value
  } catch {
    return undefined
  }
}

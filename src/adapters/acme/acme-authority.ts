import { X509Certificate } from 'node:crypto'
import type {
  Advance,
  CertificateAuthority,
  OpenOrder,
  RenewalWindow,
  Setback,
} from '../../domain/certificates/certificate-authority.ts'
import type { ChallengeResponder } from '../../domain/certificates/challenge-responder.ts'
import { renewalId } from '../../domain/certificates/subject-names.ts'
import type { Json } from '../../kernel/canonical-json.ts'
import { FaultError, fault, must } from '../../kernel/fault.ts'
import { listAt, memberOf, textAt, textsAt } from '../../kernel/json-members.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { AcmeAnswer, AcmeClient } from './acme-client.ts'
import { AcmeProblem, problemText, setbackOf } from './acme-problem.ts'
import { type AnsweredChallenge, type AcmeState, readState, stateJson } from './acme-state.ts'
import { NoAnswer } from './https-request.ts'

const POLL_MS = 250
const POLL_MS_MAX = 30_000
const RENEWAL_INFO_MS = 6 * 3_600_000
const LIST_PAGES_MAX = 100
const LISTED_ORDERS_MAX = 100
/** With the request under way it stays below the time for which a step holds its order. */
const SEARCH_MS = 10_000

export interface AcmeAuthorityDeps {
  readonly name: string
  readonly client: AcmeClient
  readonly profile: string | undefined
  /** In the order of preference. */
  readonly responders: readonly ChallengeResponder[]
}

/** An ACME server (RFC 8555) as one who issues certificates. */
export class AcmeAuthority implements CertificateAuthority {
  readonly name: string
  readonly #deps: AcmeAuthorityDeps

  constructor(deps: AcmeAuthorityDeps) {
    this.name = deps.name
    this.#deps = deps
  }

  async advance(order: OpenOrder): Promise<Result<Advance, Setback>> {
    try {
      const state = readState(order.state)
      return ok(state === undefined ? await this.#place(order) : await this.#next(order, state))
    } catch (error) {
      return err(setbackOf(error))
    }
  }

  async tidy(state: Json | null): Promise<void> {
    for (const { type, domain, token, keyAuthorization } of readState(state)?.challenges ?? [])
      await this.#responder(type)?.remove({ domain, token, keyAuthorization })
  }

  async renewalWindow(certificate: string): Promise<RenewalWindow | undefined> {
    const id = renewalId(new X509Certificate(certificate))
    try {
      const base = await this.#deps.client.resource('renewalInfo')
      if (id === undefined || base === undefined) return undefined
      const { json, retryAfterMs } = await this.#deps.client.get(`${base.replace(/\/$/, '')}/${id}`)
      const [start, end] = ['start', 'end'].map((name) => new Date(textAt(json, 'suggestedWindow', name) ?? ''))
      if (start === undefined || end === undefined || Number.isNaN(start.getTime()) || Number.isNaN(end.getTime()))
        return undefined
      return { start, end, retryAfterMs: retryAfterMs ?? RENEWAL_INFO_MS }
    } catch (error) {
      if (error instanceof NoAnswer || error instanceof AcmeProblem || error instanceof FaultError) return undefined
      throw error
    }
  }

  #next(order: OpenOrder, state: AcmeState): Promise<Advance> {
    const steps: Record<AcmeState['phase'], () => Promise<Advance>> = {
      placed: () => this.#present(state),
      presented: () => this.#answer(state),
      answered: () => this.#await(state),
      ready: () => this.#finalize(order, state),
      finalized: () => this.#collect(state),
    }
    return steps[state.phase]()
  }

  async #place(order: OpenOrder): Promise<Advance> {
    const orderUrl = (order.isResumed ? await this.#findOrder(order) : undefined) ?? (await this.#newOrder(order))
    return pending({ phase: 'placed', orderUrl, challenges: [] }, 'the order is placed')
  }

  async #newOrder({ domains, replaces }: OpenOrder): Promise<string> {
    const { client, profile } = this.#deps
    const url = await client.resource('newOrder')
    if (url === undefined) throw new NoAnswer('its directory names no newOrder')
    const canReplace = replaces !== null && (await client.resource('renewalInfo')) !== undefined
    const wanted = {
      identifiers: domains.map((value) => ({ type: 'dns', value })),
      ...(profile === undefined ? {} : { profile }),
    }
    let placed: AcmeAnswer
    try {
      placed = await client.post(url, canReplace ? { ...wanted, replaces } : wanted)
    } catch (error) {
      const isAboutReplacing =
        error instanceof AcmeProblem && (error.type === 'alreadyReplaced' || error.type === 'malformed')
      if (!canReplace || !isAboutReplacing) throw error
      placed = await client.post(url, wanted)
    }
    if (placed.location === undefined) throw new NoAnswer('it names no order')
    return placed.location
  }

  /**
   * The order of a step whose end is unknown, where the server lists them (RFC 8555, section 7.1.2.1).
   * @throws NoAnswer when it could not be looked for in time: it may exist
   */
  async #findOrder({ domains }: OpenOrder): Promise<string | undefined> {
    const until = performance.now() + SEARCH_MS
    for (const url of await this.#latestOrders(until)) {
      const { json } = await this.#postBefore(until, url)
      const names = listAt(json, 'identifiers').map((each) => textAt(each, 'value') ?? '')
      const isOpen = ['pending', 'ready'].includes(textAt(json, 'status') ?? '')
      if (isOpen && names.sort().join() === domains.join()) return url
    }
    return undefined
  }

  /** The last of the account's list, latest first: servers add to its end. */
  async #latestOrders(until: number): Promise<readonly string[]> {
    const listed: string[] = []
    let url = (await this.#deps.client.account()).ordersUrl
    for (let page = 0; url !== undefined && page < LIST_PAGES_MAX; page++) {
      const { json, next } = await this.#postBefore(until, url)
      listed.push(...textsAt(json, 'orders'))
      url = next !== undefined && URL.canParse(next, url) ? new URL(next, url).href : undefined
    }
    return listed.toReversed().slice(0, LISTED_ORDERS_MAX)
  }

  #postBefore(until: number, url: string): Promise<AcmeAnswer> {
    if (performance.now() > until) throw new NoAnswer('it takes too long to list the orders of its account')
    return this.#deps.client.post(url)
  }

  async #present(state: AcmeState): Promise<Advance> {
    const order = await this.#order(state)
    if (order.status !== 'pending') return this.#await(state)
    const { thumbprint } = await this.#deps.client.account()
    const challenges: AnsweredChallenge[] = []
    for (const url of textsAt(order.json, 'authorizations')) {
      const { json } = await this.#deps.client.post(url)
      if (statusIn(json) === 'pending') challenges.push(this.#chosen(json, thumbprint))
    }
    let settleMs = 0
    for (const { type, domain, token, keyAuthorization } of challenges) {
      const responder = this.#responder(type)
      if (responder === undefined) continue
      const presented = must(await responder.present({ domain, token, keyAuthorization }))
      settleMs = Math.max(settleMs, presented.settleMs)
    }
    return pending({ ...state, phase: 'presented', challenges }, 'the challenges are answered for', settleMs)
  }

  #chosen(authorization: unknown, thumbprint: string): AnsweredChallenge {
    const domain = textAt(authorization, 'identifier', 'value') ?? ''
    const isWildcard = memberOf(authorization, 'wildcard') === true
    const offered = listAt(authorization, 'challenges')
    for (const { type } of this.#deps.responders) {
      const challenge = offered.find((each) => textAt(each, 'type') === type)
      const [token, url] = [textAt(challenge, 'token') ?? '', textAt(challenge, 'url')]
      // A token is part of a path and of an answer.
      if (url === undefined || !/^[A-Za-z0-9_-]{1,256}$/.test(token) || (isWildcard && type !== 'dns-01')) continue
      return { type, domain, token, url, keyAuthorization: `${token}.${thumbprint}` }
    }
    throw new FaultError(fault('CHALLENGE_IMPOSSIBLE'))
  }

  async #answer(state: AcmeState): Promise<Advance> {
    for (const { url } of state.challenges) {
      const { json } = await this.#deps.client.post(url)
      if (statusIn(json) === 'pending') await this.#deps.client.post(url, {})
    }
    return pending({ ...state, phase: 'answered' }, 'the challenges are being looked at', POLL_MS)
  }

  async #await(state: AcmeState): Promise<Advance> {
    const { status, waitMs } = await this.#order(state)
    if (status === 'pending')
      return pending({ ...state, phase: 'answered' }, 'the challenges are being looked at', waitMs)
    if (status === 'ready')
      return { ...pending({ ...state, phase: 'ready' }, 'the challenges are met'), status: 'ready' }
    return { ...pending({ ...state, phase: 'finalized' }, 'the certificate is being issued'), status: 'processing' }
  }

  async #finalize({ csr }: OpenOrder, state: AcmeState): Promise<Advance> {
    const { status, json } = await this.#order(state)
    const url = textAt(json, 'finalize')
    if (url === undefined) throw new NoAnswer('its order names no place to finalize it')
    if (status === 'ready') await this.#deps.client.post(url, { csr: csr.toString('base64url') })
    const after = pending({ ...state, phase: 'finalized' }, 'the certificate is being issued', POLL_MS)
    return { ...after, status: 'processing' }
  }

  async #collect(state: AcmeState): Promise<Advance> {
    const { status, json, waitMs } = await this.#order(state)
    const url = textAt(json, 'certificate')
    if (status === 'valid' && url !== undefined) {
      const chain = (await this.#deps.client.post(url)).text
      if (!chain.includes('-----BEGIN CERTIFICATE-----')) throw new NoAnswer('its answer is no certificate')
      return { status, chain }
    }
    // The request to finalize it never arrived.
    const phase = status === 'ready' ? 'ready' : state.phase
    return { ...pending({ ...state, phase }, 'the certificate is being issued', waitMs), status: 'processing' }
  }

  /** The order as the server has it. @throws AcmeProblem when it has failed or is not known there */
  async #order({ orderUrl, challenges }: AcmeState) {
    const { json, retryAfterMs } = await this.#deps.client.post(orderUrl)
    const status = textAt(json, 'status')
    if (status === 'invalid') throw refused(await this.#reason(json, challenges))
    if (status !== 'pending' && status !== 'ready' && status !== 'processing' && status !== 'valid')
      throw new NoAnswer('its answer is no order')
    return { json, status, waitMs: Math.min(POLL_MS_MAX, retryAfterMs ?? POLL_MS * 4) }
  }

  async #reason(order: unknown, challenges: AcmeState['challenges']): Promise<string> {
    const reasons = [problemText(memberOf(order, 'error'))]
    for (const { domain, url } of challenges) {
      const reason = problemText(memberOf((await this.#deps.client.post(url)).json, 'error'))
      if (reason !== undefined) reasons.push(`${domain}: ${reason}`)
    }
    return reasons.filter((reason) => reason !== undefined).join('; ') || 'the order is invalid'
  }

  #responder(type: string): ChallengeResponder | undefined {
    return this.#deps.responders.find((responder) => responder.type === type)
  }
}

function pending(state: AcmeState, note: string, waitMs = 0): Exclude<Advance, { status: 'valid' }> {
  return { status: 'pending', state: stateJson(state), note, waitMs }
}

/** Of an authorization or a challenge. What is passed over for want of one would be waited for in vain. */
function statusIn(json: unknown): string {
  const status = textAt(json, 'status')
  if (status === undefined) throw new NoAnswer('its answer has no status')
  return status
}

function refused(detail: string): AcmeProblem {
  return new AcmeProblem({ status: 403, type: 'orderInvalid', detail, retryAfterMs: null })
}

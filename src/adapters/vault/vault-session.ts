import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Log } from '../../kernel/log.ts'
import type { VaultAnswer, VaultClient, VaultRequest } from './vault-client.ts'
import { type Grant, login, lookedUp, renew, type VaultAuth } from './vault-login.ts'

/** When a token is renewed, and how soon what failed is tried again. */
const sessionTimes = {
  /** Of its life. */
  renewAt: 2 / 3,
  /** At the latest this long after it was given, however long it lives. */
  renewMsMax: 12 * 3_600_000,
  retryMsMin: 1_000,
  /** Wrong credentials are not tried more often: Vault locks out who does. */
  retryMsMax: 60_000,
} as const

interface Lease extends Grant {
  readonly endsAt: number
  readonly renewAt: number
  /** How long the token lived when it was new, in seconds. */
  readonly loginSeconds: number
}

export interface VaultSessionDeps {
  readonly client: VaultClient
  readonly auth: VaultAuth
  readonly clock: Clock
  readonly log: Log
}

/** Keeps one token of the gateway good: logs in when there is none, renews in time, logs in anew when it died early. */
export class VaultSession {
  readonly #deps: VaultSessionDeps
  #lease: Lease | undefined
  /** The one login or renewal under way. */
  #work: Promise<Result<Lease, Fault>> | undefined
  #failures = 0
  #refusal: { readonly fault: Fault; readonly until: number } | undefined

  constructor(deps: VaultSessionDeps) {
    this.#deps = deps
  }

  /**
   * As `VaultClient.request`, with the gateway's token. When Vault refuses and the token turns out to be dead, the gateway
   * logs in anew and asks once more.
   * @returns also SECRET_STORE_REFUSED when Vault does not know the gateway
   */
  async request(request: VaultRequest): Promise<Result<VaultAnswer, Fault>> {
    const lease = await this.#current()
    if (!lease.ok) return lease
    const { client } = this.#deps
    const answer = await client.request({ ...request, token: lease.value.token })
    if (!answer.ok || answer.value.status !== 403 || !(await this.#isDead(lease.value))) return answer
    if (this.#lease?.token === lease.value.token) this.#lease = undefined
    const fresh = await this.#current()
    return fresh.ok ? client.request({ ...request, token: fresh.value.token }) : fresh
  }

  /** Renews or replaces the token when it is time to. To be called every few seconds. */
  async keepAlive(): Promise<void> {
    const lease = this.#lease
    if (lease === undefined) {
      await this.#current()
    } else if (this.#now() >= lease.renewAt) {
      const kept = await (this.#work ??= this.#alone(this.#prolonged(lease)))
      if (!kept.ok) this.#deps.log.warn('the Vault token could not be prolonged', { detail: kept.error.detail })
    }
  }

  #now(): number {
    return this.#deps.clock.now()
  }

  async #current(): Promise<Result<Lease, Fault>> {
    if (this.#lease !== undefined && this.#now() < this.#lease.endsAt) return ok(this.#lease)
    if (this.#refusal !== undefined && this.#now() < this.#refusal.until) return err(this.#refusal.fault)
    return (this.#work ??= this.#alone(this.#loggedIn()))
  }

  async #alone(work: Promise<Result<Lease, Fault>>): Promise<Result<Lease, Fault>> {
    try {
      return await work
    } finally {
      this.#work = undefined
    }
  }

  async #loggedIn(): Promise<Result<Lease, Fault>> {
    const grant = await login(this.#deps.client, this.#deps.auth)
    if (grant.ok) {
      this.#failures = 0
      this.#refusal = undefined
      return this.#hold(grant.value, grant.value.seconds)
    }
    const { retryMsMin, retryMsMax } = sessionTimes
    const refusals = grant.error.code === 'SECRET_STORE_REFUSED' ? this.#failures++ : 0
    this.#refusal = { fault: grant.error, until: this.#now() + Math.min(retryMsMax, retryMsMin * 2 ** refusals) }
    return grant
  }

  /** By renewal as long as that brings enough, else by a new login; what holds the token goes on holding it on failure. */
  async #prolonged(lease: Lease): Promise<Result<Lease, Fault>> {
    const isConfigured = this.#deps.auth.method === 'token'
    const renewed = await this.#renewed(lease)
    if (renewed.ok && (isConfigured || renewed.value.seconds >= lease.loginSeconds / 2))
      return this.#hold({ ...renewed.value, token: lease.token }, lease.loginSeconds)
    const isNoUse = renewed.ok || (renewed.error.code === 'SECRET_STORE_REFUSED' && !isConfigured)
    const replaced = isNoUse ? await this.#loggedIn() : renewed
    if (!replaced.ok && this.#lease?.token === lease.token) {
      const rest = Math.max(sessionTimes.retryMsMin, (lease.endsAt - this.#now()) / 3)
      this.#lease = { ...lease, renewAt: this.#now() + Math.min(rest, sessionTimes.retryMsMax) }
    }
    return replaced
  }

  async #renewed({ token, renewable }: Lease): Promise<Result<Grant, Fault>> {
    if (renewable) return renew(this.#deps.client, token)
    return err(fault('SECRET_STORE_REFUSED', { detail: 'the token is not renewable' }))
  }

  #hold(grant: Grant, loginSeconds: number): Result<Lease, Fault> {
    const lifeMs = grant.seconds === 0 ? Number.POSITIVE_INFINITY : grant.seconds * 1000
    const { renewAt, renewMsMax } = sessionTimes
    const now = this.#now()
    const lease: Lease = {
      ...grant,
      loginSeconds,
      endsAt: now + lifeMs,
      renewAt: lifeMs === Number.POSITIVE_INFINITY ? lifeMs : now + Math.min(lifeMs * renewAt, renewMsMax),
    }
    this.#lease = lease
    return ok(lease)
  }

  /** A refusal can be about the path as well: only a dead token is worth a login. */
  async #isDead({ token }: Lease): Promise<boolean> {
    const found = await lookedUp(this.#deps.client, token)
    return !found.ok && found.error.code === 'SECRET_STORE_REFUSED'
  }
}

import { createHash } from 'node:crypto'
import { type Author, changeEntry, systemAuthor } from '../../domain/audit/author.ts'
import type { Entry, EventType } from '../../domain/audit/event.ts'
import type { BundleFacts, StoredBundle } from '../../domain/bundles/bundle-store.ts'
import type { Stores } from '../../domain/stores.ts'
import type { InTransaction } from '../../domain/work.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Bundle } from '../../policy/bundle.ts'
import { type BundleProblem, problemText, refused } from '../../policy/bundle-problem.ts'
import type { ActivatablePolicyEngine, PreparedPolicy } from '../../policy/wasm-policy-engine.ts'
import { type BundleRules, checkBundle, checkVectors } from './check-bundle.ts'
import { impactOf } from './impact-gate.ts'

export interface PolicyBundlesDeps {
  readonly engine: ActivatablePolicyEngine
  /** Bound to the connection pool. */
  readonly stores: Pick<Stores, 'bundles'>
  readonly inTransaction: InTransaction
  readonly clock: Clock
  readonly rules: BundleRules
  readonly impactDecisions: number
  readonly wideningBudget: number
}

/** What became of a bundle. `known` was there before, in whatever state. */
export interface Outcome {
  readonly state: 'active' | 'held' | 'known'
  readonly digest: string
  /** The report of the impact gate as JSON. */
  readonly report: string | null
}

interface Candidate {
  readonly bundle: Bundle
  readonly policy: PreparedPolicy
}

/** The life of policy bundles: checked, weighed, activated on every replica, held, discarded, gone back to. */
export class PolicyBundles {
  readonly #deps: PolicyBundlesDeps
  /** One bundle after the other: each is weighed against the one that is active then. */
  #queue: Promise<unknown> = Promise.resolve()

  constructor(deps: PolicyBundlesDeps) {
    this.#deps = deps
  }

  /**
   * Takes in a bundle. What is refused is on record and changes nothing; what widens access beyond the budget is held.
   * A bundle of a source that is known already is no news, whatever became of it.
   */
  offer(bytes: Uint8Array, origin: string, by: Author): Promise<Result<Outcome, Fault>> {
    return this.#inTurn(() => this.#offer(Buffer.from(bytes), origin, by))
  }

  /** Activates a held bundle, by another than who pushed it. */
  activate(digest: string, by: Author): Promise<Result<Outcome, Fault>> {
    return this.#inTurn(async () => {
      const held = await this.#held(digest, by)
      if (!held.ok) return held
      const candidate = await this.#candidate(held.value.bytes, held.value.source)
      if (!candidate.ok) return this.#reject(digest, held.value.source, by, candidate.error)
      return this.#install(candidate.value, held.value, by, 'POLICY_BUNDLE_ACTIVATED')
    })
  }

  /** Discards a held bundle, by another than who pushed it. */
  async discard(digest: string, by: Author): Promise<Result<BundleFacts, Fault>> {
    const held = await this.#held(digest, by)
    if (!held.ok) return held
    return this.#deps.inTransaction(async (work) => {
      await work.bundles.lock()
      if ((await work.bundles.find(digest))?.state !== 'held') return err(fault('STATE_CONFLICT'))
      await work.bundles.discard(digest, this.#now())
      const entry = entryOf('POLICY_BUNDLE_REJECTED', held.value, by)
      work.record({ ...entry, event: { ...entry.event, code: 'BUNDLE_DISCARDED' } })
      return ok({ ...held.value, state: 'discarded' })
    })
  }

  /** Goes back to a bundle that was active before; without a digest to the last one. The floor of the sequence stays. */
  rollback(digest: string | undefined, by: Author): Promise<Result<Outcome, Fault>> {
    return this.#inTurn(async () => {
      const { bundles } = this.#deps.stores
      const wanted = digest ?? (await bundles.previous())
      const target = wanted === undefined ? undefined : await bundles.find(wanted)
      if (target === undefined) return err(fault('NOT_FOUND', { message: 'No bundle to go back to' }))
      if (target.state === 'active' || target.activatedAt === null)
        return err(fault('STATE_CONFLICT', { message: 'Only a bundle that was active before can be gone back to' }))
      const candidate = await this.#candidate(target.bytes, target.source)
      if (!candidate.ok) return this.#reject(target.digest, target.source, by, candidate.error)
      return this.#install(candidate.value, target, by, 'POLICY_BUNDLE_ROLLED_BACK')
    })
  }

  /**
   * Serves what the database says is active: at the start, and whenever another replica changed it. It is verified anew.
   * @returns whether a policy was loaded
   */
  follow(): Promise<boolean> {
    return this.#inTurn(async () => {
      const { engine, stores } = this.#deps
      const digest = await stores.bundles.activeDigest()
      if (digest === undefined || digest === engine.active()?.digest) return false
      const stored = await stores.bundles.find(digest)
      if (stored === undefined) return false
      // It was quick enough when it was taken in. A machine that is busy now must not be left without a policy.
      const candidate = await this.#candidate(stored.bytes, stored.source, false)
      if (candidate.ok && candidate.value.bundle.version.digest === digest) {
        engine.serve(candidate.value.policy)
        return true
      }
      const problem = candidate.ok
        ? { code: 'BUNDLE_TAMPERED' as const, detail: 'the kept bytes changed' }
        : candidate.error
      await this.#reject(digest, stored.source, systemAuthor('policy'), problem)
      return false
    })
  }

  /** Puts on record that a source could not be asked, or did not give what it promised. */
  async refuse(origin: string, problem: BundleProblem): Promise<void> {
    await this.#reject(null, origin, systemAuthor('policy'), problem)
  }

  /** Puts on record, at a start, which policy is in force. */
  async recordServing(by: Author): Promise<void> {
    const { inTransaction, stores, engine } = this.#deps
    const serving = await stores.bundles.find(engine.active()?.digest ?? '')
    if (serving === undefined) return
    await inTransaction(async (work) => {
      work.record(entryOf('POLICY_BUNDLE_ACTIVATED', serving, by))
      return ok(undefined)
    })
  }

  /** Whether what is in force, if anything is, came with this software. */
  async servesShipped(): Promise<boolean> {
    const { bundles } = this.#deps.stores
    const digest = await bundles.activeDigest()
    return digest === undefined || (await bundles.find(digest))?.source === 'shipped'
  }

  async #offer(bytes: Buffer, origin: string, by: Author): Promise<Result<Outcome, Fault>> {
    const { stores, rules } = this.#deps
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    const checked = checkBundle(bytes, origin, rules)
    if (!checked.ok) return this.#reject(digest, origin, by, checked.error)
    const known = await stores.bundles.find(digest)
    const isAsBefore = known?.state === 'active' || known?.state === 'held'
    if (known !== undefined && (origin !== 'push' || isAsBefore)) {
      const state = origin === 'push' && known.state === 'held' ? 'held' : known.state === 'active' ? 'active' : 'known'
      return ok({ state, digest, report: known.report })
    }
    const { floor } = await stores.bundles.state()
    const { sequence, revision } = checked.value.version
    if (sequence < floor)
      return this.#reject(digest, origin, by, refusedProblem(`its sequence is ${sequence}, and ${floor} was active`))
    // What comes with this software was timed before it was released.
    const candidate = await this.#prepared(checked.value, origin !== 'shipped')
    if (!candidate.ok) return this.#reject(digest, origin, by, candidate.error)
    const impact = await impactOf(this.#deps, candidate.value.policy)
    const { id, name, kind } = by.actor
    const stored: StoredBundle = {
      digest,
      revision,
      sequence,
      state: 'held',
      source: origin,
      pushedBy: kind === 'system' ? null : { id, name },
      changedAt: this.#now(),
      activatedAt: known?.activatedAt ?? null,
      bytes,
      report: impact === undefined ? null : JSON.stringify(impact),
    }
    return impact !== undefined && impact.widened > this.#deps.wideningBudget
      ? this.#hold(stored, by)
      : this.#install(candidate.value, stored, by, 'POLICY_BUNDLE_ACTIVATED')
  }

  async #candidate(bytes: Buffer, origin: string, timed = true): Promise<Result<Candidate, BundleProblem>> {
    const checked = checkBundle(bytes, origin, this.#deps.rules)
    return checked.ok ? this.#prepared(checked.value, timed) : checked
  }

  async #prepared(bundle: Bundle, timed: boolean): Promise<Result<Candidate, BundleProblem>> {
    const policy = await this.#deps.engine.load(bundle, timed)
    if (!policy.ok) return policy
    const vectors = checkVectors(bundle, policy.value)
    return vectors.ok ? ok({ bundle, policy: policy.value }) : vectors
  }

  #hold(stored: StoredBundle, by: Author): Promise<Result<Outcome, Fault>> {
    return this.#deps.inTransaction(async (work) => {
      await work.bundles.put(stored)
      work.record(entryOf('POLICY_BUNDLE_HELD', stored, by))
      return ok({ state: 'held', digest: stored.digest, report: stored.report })
    })
  }

  /** The record and the state are one transaction; the swap follows it at once, here and on every other replica. */
  async #install(
    { policy }: Candidate,
    stored: StoredBundle,
    by: Author,
    type: 'POLICY_BUNDLE_ACTIVATED' | 'POLICY_BUNDLE_ROLLED_BACK',
  ): Promise<Result<Outcome, Fault>> {
    const { engine, inTransaction } = this.#deps
    const isBack = type === 'POLICY_BUNDLE_ROLLED_BACK'
    const weighedAgainst = engine.active()?.digest
    const installed = await inTransaction(async (work) => {
      const floor = await work.bundles.lock()
      const active = await work.bundles.activeDigest()
      // Another replica was faster with this very bundle, which is loaded here too.
      if (active === stored.digest && !isBack)
        return ok<Outcome>({ state: 'active', digest: stored.digest, report: stored.report })
      if (active !== weighedAgainst && active !== undefined)
        return err(fault('STATE_CONFLICT', { message: 'Another bundle became active meanwhile; try again' }))
      if (!isBack && stored.sequence < floor) return err(fault('BUNDLE_ROLLED_BACK'))
      await work.bundles.retireActive(isBack ? 'discarded' : 'superseded', this.#now())
      await work.bundles.put({ ...stored, state: 'active', changedAt: this.#now(), activatedAt: this.#now() })
      work.record(entryOf(type, stored, by))
      work.advanceAuthority()
      return ok<Outcome>({ state: 'active', digest: stored.digest, report: stored.report })
    })
    if (installed.ok) engine.serve(policy)
    return installed
  }

  async #held(digest: string, by: Author): Promise<Result<StoredBundle, Fault>> {
    const held = await this.#deps.stores.bundles.find(digest)
    if (held === undefined) return err(fault('NOT_FOUND', { message: `No bundle ${digest}` }))
    if (held.state !== 'held') return err(fault('STATE_CONFLICT', { message: `The bundle is ${held.state}, not held` }))
    return held.pushedBy?.id === by.actor.id ? err(fault('BUNDLE_OWN_PUSH')) : ok(held)
  }

  async #reject(
    digest: string | null,
    source: string,
    by: Author,
    problem: BundleProblem,
  ): Promise<Result<never, Fault>> {
    const { code, detail } = problem
    const recorded = await this.#deps.inTransaction(async (work) => {
      await work.bundles.refused({ code, detail, source, at: this.#now().toISOString() })
      const entry = changeEntry(by, {
        type: 'POLICY_BUNDLE_REJECTED',
        resource: policyResource(''),
        details: { digest, source, detail },
      })
      work.record({ ...entry, event: { ...entry.event, outcome: 'failed', code } })
      return ok(undefined)
    })
    return recorded.ok ? err(fault(code, { message: problemText(problem) })) : recorded
  }

  #now(): Date {
    return new Date(this.#deps.clock.now())
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work)
    this.#queue = result.catch(() => undefined)
    return result
  }
}

function refusedProblem(detail: string): BundleProblem {
  return refused('BUNDLE_ROLLED_BACK', detail).error
}

/** Of a change that nobody decided, the policy on record is the one it is about. */
function entryOf(
  type: Extract<EventType, `POLICY_${string}`>,
  { digest, revision, sequence, source }: Pick<BundleFacts, 'digest' | 'revision' | 'sequence' | 'source'>,
  by: Author,
): Entry {
  const details = { revision, digest, sequence, source }
  const entry = changeEntry(by, { type, resource: policyResource(revision), details })
  return by.decision === null ? { ...entry, event: { ...entry.event, policy: { revision, digest } } } : entry
}

function policyResource(name: string) {
  return { type: 'policy', id: null, name, groups: [], environment: '', version: null } as const
}

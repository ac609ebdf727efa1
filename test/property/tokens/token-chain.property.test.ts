import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Token, tokenStatus } from '../../../src/domain/tokens/token.ts'
import { bearerState, isUnused, rotation, successorOf, usableUntilOf } from '../../../src/domain/tokens/token-chain.ts'
import { tokenFacts } from '../../support/token-facts.ts'

const TTL_SECONDS = 600

/** What happens to a chain. `holder` picks one of all values that were ever given out, the newest first. */
type Step =
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'use' | 'rotate'; readonly holder: number }
  | { readonly kind: 'revoke' }

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: fc.integer({ min: 0, max: 40 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('use' as const, 'rotate' as const),
      holder: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 4 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('revoke' as const) }) },
)
const rules = fc.record({
  everySeconds: fc.integer({ min: 1, max: 30 }),
  overlapSeconds: fc.integer({ min: 1, max: 60 }),
})

/** The chain as the database keeps it, driven by the pure functions alone; the newest comes first. */
class Chain {
  tokens: Token[]
  now = 0

  constructor(autoRotate: { everySeconds: number; overlapSeconds: number }) {
    const expiresAt = new Date(TTL_SECONDS * 1000)
    const usableUntil = usableUntilOf(new Date(0), expiresAt, autoRotate)
    this.tokens = [tokenFacts({ id: 'tok_0', expiresAt, autoRotate, usableUntil })]
  }

  get current(): Token {
    const [current, ...more] = this.tokens.filter(({ rotatedAt }) => rotatedAt === null)
    if (current === undefined || more.length > 0) throw new Error('a chain has exactly one current token')
    return current
  }

  /** @returns whether the value opened the door */
  use({ id }: Token): boolean {
    const presented = this.find(id)
    const state = bearerState(presented, this.now)
    if (state === 'dead') this.revoke()
    if (state === 'standing' && isUnused(presented)) this.#save({ ...presented, usedAt: new Date(this.now) })
    return state === 'standing'
  }

  rotate(holder: Token): string {
    if (!this.use(holder)) return 'refused'
    const presented = this.find(holder.id)
    const next = rotation(presented, this.current, this.now)
    if (next.kind === 'reused') this.revoke()
    if (next.kind !== 'rotate') return next.kind
    this.#save(next.retired)
    const fresh = { id: `tok_${this.tokens.length}`, prefix: '', createdAt: new Date(this.now), createdBy: '' }
    this.tokens.unshift(successorOf(presented, fresh))
    return 'rotated'
  }

  revoke(): void {
    this.tokens = this.tokens.map((token) => ({ ...token, revokedAt: token.revokedAt ?? new Date(this.now) }))
  }

  find(id: string): Token {
    const found = this.tokens.find((token) => token.id === id)
    if (found === undefined) throw new Error(`no token ${id}`)
    return found
  }

  standing(): readonly Token[] {
    return this.tokens.filter((token) => bearerState(token, this.now) === 'standing')
  }

  apply(step: Step): void {
    if (step.kind === 'wait') this.now += step.seconds * 1000
    else if (step.kind === 'revoke') this.revoke()
    else this[step.kind](this.tokens[Math.min(step.holder, this.tokens.length - 1)] ?? this.current)
  }

  #save(changed: Token): void {
    this.tokens = this.tokens.map((token) => (token.id === changed.id ? changed : token))
  }
}

/** Runs the steps and looks at the chain after each one. */
function along(look: (chain: Chain, before: readonly Token[]) => void): void {
  fc.assert(
    fc.property(rules, fc.array(steps, { maxLength: 40 }), (autoRotate, taken) => {
      const chain = new Chain(autoRotate)
      for (const step of taken) {
        const before = chain.tokens
        chain.apply(step)
        look(chain, before)
      }
    }),
    { numRuns: 500 },
  )
}

describe('a chain of tokens, whoever holds which of its values', () => {
  test('has exactly one current token, and every other one has a successor or was replaced', () => {
    along(({ current, tokens }) => {
      expect(tokens.filter(({ id }) => id !== current.id).every(({ rotatedAt }) => rotatedAt !== null)).toBe(true)
      expect(new Set(tokens.map(({ chainId }) => chainId))).toEqual(new Set(['tok_0']))
    })
  })

  test('never gives a right, a network or a moment that its first token did not have', () => {
    along(({ tokens }) => {
      const first = tokens.at(-1)
      for (const { scopes, groups, cidrs, expiresAt, usableUntil, agentId } of tokens) {
        expect({ scopes, groups, cidrs, expiresAt, agentId }).toEqual({
          scopes: first?.scopes,
          groups: first?.groups,
          cidrs: first?.cidrs,
          expiresAt: first?.expiresAt,
          agentId: first?.agentId,
        })
        expect(usableUntil.getTime()).toBeLessThanOrEqual(expiresAt.getTime())
      }
    })
  })

  test('opens nothing with a value that is dead, ever again', () => {
    const gone = new Set(['revoked', 'dead', 'expired'])
    along((chain, before) => {
      for (const { id } of before.filter((token) => gone.has(bearerState(token, chain.now)))) {
        const now = chain.tokens.find((token) => token.id === id)
        expect(now && gone.has(bearerState(now, chain.now))).toBe(true)
      }
    })
  })

  test('is revoked as a whole or not at all', () => {
    along(({ tokens }) => {
      const revoked = tokens.filter(({ revokedAt }) => revokedAt !== null).length
      expect([0, tokens.length]).toContain(revoked)
    })
  })

  test('ends when it is not rotated: nothing stands once the current value is past its time', () => {
    along((chain) => {
      if (chain.now >= chain.current.usableUntil.getTime()) expect(chain.standing()).toEqual([])
    })
  })

  test('replaces a successor only while nobody has used it', () => {
    along(({ tokens }, before) => {
      const retired = tokens.filter(({ id, rotatedAt, usableUntil }) => {
        const was = before.find((token) => token.id === id)
        return was?.rotatedAt === null && rotatedAt !== null && usableUntil.getTime() === rotatedAt.getTime()
      })
      for (const { usedAt, predecessorId } of retired) {
        expect(predecessorId).not.toBeNull()
        expect(usedAt).toBeNull()
      }
    })
  })

  test('shows the status that its values have at the door', () => {
    along(({ tokens, now }) => {
      for (const token of tokens) {
        const [status, state] = [tokenStatus(token, now), bearerState(token, now)]
        if (status === 'active') expect(state).toBe('standing')
        if (status === 'expired') expect(state).toBe('expired')
        expect(status === 'revoked').toBe(state === 'revoked')
        if (state === 'dead') expect(status).toBe('rotated')
      }
    })
  })
})

describe('the honest holder alone', () => {
  test('keeps the chain for its whole life, also when any answer to a rotation is lost', () => {
    const journey = fc.array(fc.record({ lost: fc.integer({ min: 0, max: 3 }), uses: fc.integer({ min: 0, max: 2 }) }))
    fc.assert(
      fc.property(rules, journey, (autoRotate, days) => {
        const chain = new Chain(autoRotate)
        let held = chain.current
        for (const { lost, uses } of days) {
          const due = held.createdAt.getTime() + autoRotate.everySeconds * 1000
          if (due >= TTL_SECONDS * 1000) return
          chain.now = due
          for (let answers = 0; answers <= lost; answers++) expect(chain.rotate(held)).toBe('rotated')
          held = chain.current
          for (let use = 0; use < uses; use++) expect(chain.use(held)).toBe(true)
          held = chain.current
        }
      }),
    )
  })

  test('is told when, and not a millisecond earlier', () => {
    fc.assert(
      fc.property(rules, (autoRotate) => {
        const chain = new Chain(autoRotate)
        chain.now = autoRotate.everySeconds * 1000 - 1
        expect(chain.rotate(chain.current)).toBe('early')
        chain.now += 1
        expect(chain.rotate(chain.current)).toBe('rotated')
      }),
    )
  })
})

describe('a thief with a copy of a value', () => {
  test('and its owner cannot both go on: once both have rotated, or one came too late, nothing stands', () => {
    fc.assert(
      fc.property(rules, fc.boolean(), fc.integer({ min: 0, max: 60_000 }), (autoRotate, isThiefFirst, pauseMs) => {
        const chain = new Chain(autoRotate)
        const stolen = chain.current
        chain.now = autoRotate.everySeconds * 1000
        expect(chain.rotate(stolen)).toBe('rotated')
        const own = chain.current
        if (isThiefFirst) chain.use(own)
        chain.now += pauseMs
        const outcome = chain.rotate(stolen)
        // What was given out first is void or proves that two hold the chain.
        chain.use(own)
        if (outcome === 'rotated' || isThiefFirst) expect(chain.standing()).toEqual([])
        expect(chain.standing().length).toBeLessThanOrEqual(1)
      }),
    )
  })

  test('cannot have a later value replaced either: asking again is a reuse once any of its successors was in use', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), (generations) => {
        const chain = new Chain({ everySeconds: 1, overlapSeconds: 60 })
        const stolen = chain.current
        for (let generation = 0; generation <= generations; generation++) {
          chain.now += 1000
          expect(chain.rotate(chain.current)).toBe('rotated')
        }
        expect(isUnused(chain.current)).toBe(true)
        expect(chain.rotate(stolen)).toBe('reused')
        expect(chain.standing()).toEqual([])
      }),
    )
  })
})

import type { Token } from './token.ts'

/** What a token for single use is spent on. Every other action stays free. The policy's rule names the same ones. */
export const spendingActions: readonly string[] = [
  'secret.read',
  'secret.use',
  'certificate.read',
  'certificate.read_key',
  'certificate.request',
  'ssh.request',
  'probe.create',
]

/** For so long the same call with the same idempotency key is answered again. */
export const repeatableForMs = 60_000

type SingleUse = Pick<Token, 'singleUse' | 'spending'>

/** Whether an allowed call of that action would bind the token. */
export function wouldSpend({ singleUse, spending }: SingleUse, action: string): boolean {
  return singleUse && spending === null && spendingActions.includes(action)
}

export interface SpendingCall {
  readonly callDigest: string
  /** Of the idempotency key; null when there was none, or when the call cannot be answered again. */
  readonly keyDigest: string | null
}

/**
 * Whether the token is bound to another call than this one. The very call that it is bound to is not another one while it
 * comes with the same idempotency key, within a minute.
 */
export function isSpent({ spending }: SingleUse, { callDigest, keyDigest }: SpendingCall, now: number): boolean {
  if (spending === null) return false
  const isRepeat =
    keyDigest !== null &&
    keyDigest === spending.keyDigest &&
    callDigest === spending.callDigest &&
    now < spending.at.getTime() + repeatableForMs
  return !isRepeat
}

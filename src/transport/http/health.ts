import type { Log } from '../../kernel/log.ts'

/** How long one check may take before it counts as failed. */
export const checkTimeoutMs = 5_000

export const checkNames = ['database', 'policy', 'secrets', 'revocation', 'audit'] as const
export type CheckName = (typeof checkNames)[number]

export interface CheckResult {
  readonly ok: boolean
  /** For anybody to read: no addresses, no errors of drivers. */
  readonly detail: string
}

export type Checks = { readonly [Name in CheckName]: () => Promise<CheckResult> }

export interface Readiness {
  readonly ready: boolean
  readonly checks: { readonly [Name in CheckName]: CheckResult }
}

/**
 * Asks every part whether it works, within 5 s. Questions that come while one is being answered share its answer, so that
 * nobody can load the database by asking.
 */
export function createReadiness(checks: Checks, log: Log): () => Promise<Readiness> {
  let running: Promise<Readiness> | undefined
  return () => {
    running ??= checkAll(checks, log).finally(() => {
      running = undefined
    })
    return running
  }
}

async function checkAll(checks: Checks, log: Log): Promise<Readiness> {
  const [database, policy, secrets, revocation, audit] = await Promise.all([
    settled('database', checks.database, log),
    settled('policy', checks.policy, log),
    settled('secrets', checks.secrets, log),
    settled('revocation', checks.revocation, log),
    settled('audit', checks.audit, log),
  ])
  const results = { database, policy, secrets, revocation, audit }
  return { ready: Object.values(results).every(({ ok }) => ok), checks: results }
}

async function settled(name: CheckName, check: () => Promise<CheckResult>, log: Log): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(resolve, checkTimeoutMs, { ok: false, detail: 'no answer' })
  })
  const [outcome] = await Promise.allSettled([Promise.race([check(), timeout])])
  clearTimeout(timer)
  if (outcome.status === 'fulfilled') return outcome.value
  log.warn('readiness check failed', { check: name, error: outcome.reason })
  return { ok: false, detail: 'failed' }
}

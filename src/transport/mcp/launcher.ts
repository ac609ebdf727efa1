import type { LauncherFacts } from '../../domain/audit/event.ts'
import type { ProvenLauncher, VerifyLauncher } from '../../domain/sessions/launcher.ts'
import { shortText } from '../../kernel/bounded-text.ts'
import type { Clock } from '../../kernel/clock.ts'
import { digestOfText } from '../../kernel/digest.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'

const LAUNCHER_CHARACTERS = 256
const REMEMBERED_MAX = 1_024

/** What a request says about who started its client. */
export interface LauncherHeaders {
  /** `X-CertLocker-Launched-By`: a claim. */
  readonly launchedBy: string | undefined
  /** `X-CertLocker-Launcher-Token`: an OpenID Connect ID token. */
  readonly launcherToken: string | undefined
}

export type FindLauncher = (headers: LauncherHeaders) => Promise<Result<LauncherFacts | null, Fault>>

/**
 * Who started a client: proven by an ID token, else as claimed, else nobody knows. A token that proves nothing is refused
 * and never passed over for the claim beside it. A proof is remembered until it expires, by the token's digest.
 * @param verify undefined where no issuer is configured: then a token proves nothing
 * @returns what `VerifyLauncher` refuses with
 */
export function createFindLauncher(verify: VerifyLauncher | undefined, clock: Clock): FindLauncher {
  const known = new Map<string, ProvenLauncher>()
  return async ({ launchedBy, launcherToken }) => {
    if (launcherToken === undefined) return ok(claimed(launchedBy))
    if (verify === undefined)
      return err(fault('UNAUTHENTICATED', { detail: 'a launcher token, but launcher.oidc is not configured' }))
    const digest = digestOfText(launcherToken)
    const remembered = known.get(digest)
    if (remembered !== undefined && clock.now() < remembered.untilMs)
      return ok({ name: remembered.name, verified: true })
    known.delete(digest)
    const proven = await verify(launcherToken)
    if (!proven.ok) return proven
    known.set(digest, proven.value)
    const oldest = known.keys().next()
    if (known.size > REMEMBERED_MAX && oldest.done !== true) known.delete(oldest.value)
    return ok({ name: proven.value.name, verified: true })
  }
}

function claimed(launchedBy: string | undefined): LauncherFacts | null {
  const name = shortText(launchedBy ?? '', LAUNCHER_CHARACTERS)
  return name === '' ? null : { name, verified: false }
}

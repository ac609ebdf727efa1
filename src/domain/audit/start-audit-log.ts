import type { Fault } from '../../kernel/fault.ts'
import { ok, type Result } from '../../kernel/result.ts'
import type { AuditLog } from './audit-log.ts'
import { systemAuthor } from './author.ts'
import { Checkpointer, type CheckpointerDeps } from './checkpointer.ts'
import { checkLogAtStart, type StartupCheckDeps } from './startup-check.ts'

export type StartAuditLogDeps = CheckpointerDeps &
  Pick<StartupCheckDeps, 'acceptTruncated'> & { readonly auditLog: Pick<AuditLog, 'append'> }

/**
 * Checks the log, puts on record what the operator accepts, and gives the checkpointer that goes on from there.
 * @returns a fault to stop with when the log is shorter than, or another than, its checkpoints say
 */
export async function startAuditLog(deps: StartAuditLogDeps): Promise<Result<Checkpointer, Fault>> {
  const checked = await checkLogAtStart(deps)
  if (!checked.ok) return checked
  const checkpointer = new Checkpointer(deps, checked.value)
  const { accepted } = checked.value
  if (accepted === null) return ok(checkpointer)
  await deps.auditLog.append([
    {
      event: { type: 'AUDIT_CHECKPOINT', actor: systemAuthor('start').actor, outcome: 'ok', details: { ...accepted } },
    },
  ])
  // Only now: a crash before leaves the old copy in place, and the next start asks again.
  await deps.history.setAside(new Date(deps.clock.now()))
  const signed = await checkpointer.checkpoint()
  return signed.ok ? ok(checkpointer) : signed
}

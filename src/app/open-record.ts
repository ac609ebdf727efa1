import { join } from 'node:path'
import { openConnection } from '../adapters/postgres/open-connection.ts'
import { WebhookNotifier } from '../adapters/webhook/webhook-notifier.ts'
import type { Config } from '../config/config.schema.ts'
import { auditLines } from '../domain/audit/log-line.ts'
import type { AuditEvent } from '../domain/audit/event.ts'
import { openAudit } from '../domain/audit/open-audit.ts'
import { PostgresAuditLog } from '../domain/audit/postgres-audit-log.ts'
import { type Notifier, noticeOf } from '../domain/notifications/notifier.ts'
import { must } from '../kernel/fault.ts'
import type { Log } from '../kernel/log.ts'
import type { Undo } from '../kernel/started.ts'
import { openReports } from './open-reports.ts'
import type { Store } from './open-store.ts'

/** The audit log: checked from its last checkpoint on, or the start is refused. */
export async function openRecord(
  config: Config,
  auditLine: (lines: string) => void,
  { address, knex, history, authority, approvalWatch }: Store,
  log: Log,
  undo: Undo,
) {
  const { webhook } = config.notifications
  const notifier = webhook && new WebhookNotifier({ ...webhook, log, now: () => authority.now() })
  if (notifier !== undefined) undo.push(() => notifier.close())
  const report = openReports(config, knex, log, undo)
  const auditLog = new PostgresAuditLog({
    knex,
    openConnection: () => openConnection({ ...address, applicationName: 'certlocker-audit' }),
    clock: authority,
    observers: [
      {
        appended: (events) => {
          for (const event of events) history.record(event)
          authority.appended(events)
          approvalWatch.appended(events)
          report(events)
          if (notifier !== undefined) announce(notifier, events)
        },
        authority: (epoch, nowMs) => authority.observe(epoch, nowMs),
      },
      auditLines(auditLine),
    ],
  })
  undo.push(() => auditLog.close())
  const { keyFile, acceptTruncated } = config.audit
  const directory = join(config.dataDir, 'audit')
  const audit = must(await openAudit({ knex, clock: authority, auditLog, keyFile, directory, acceptTruncated }))
  undo.push(async () => void must(await audit.checkpointer.checkpoint()))
  return { auditLog, audit }
}

/** Each event becomes durable through one replica, so it is announced once. */
function announce(notifier: Notifier, events: readonly AuditEvent[]): void {
  for (const event of events) {
    const notice = noticeOf(event)
    if (notice !== undefined) notifier.notify(notice)
  }
}

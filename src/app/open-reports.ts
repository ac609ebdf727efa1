import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import { DecisionLog } from '../adapters/opa-reports/decision-log.ts'
import { StatusReports } from '../adapters/opa-reports/status-reports.ts'
import type { Config } from '../config/config.schema.ts'
import type { AuditEvent } from '../domain/audit/event.ts'
import { BundleStore } from '../domain/bundles/bundle-store.ts'
import type { Log } from '../kernel/log.ts'
import type { Undo } from '../kernel/started.ts'

/** What is told to consumers of OPA's decision logs and status reports, where there are any. @returns who is to be told of events */
export function openReports(
  { policy }: Config,
  knex: Knex,
  log: Log,
  undo: Undo,
): (events: readonly AuditEvent[]) => void {
  const { statusUrl, logsUrl, reportCredential: credential } = policy
  const labels = { app: 'certlocker', id: randomUUID() }
  const bundles = new BundleStore(knex)
  const recordedAt = (seqs: readonly number[]) => bundles.recordedAt(seqs)
  const decisions = logsUrl && new DecisionLog({ place: { url: logsUrl, credential }, labels, recordedAt, log })
  const reports =
    statusUrl && new StatusReports({ place: { url: statusUrl, credential }, labels, status: statusOf(bundles), log })
  if (decisions) undo.push(() => decisions.close())
  if (reports) undo.push(() => reports.close())
  return (events) => {
    if (decisions) decisions.appended(events)
    if (reports && events.some(({ type }) => type.startsWith('POLICY_BUNDLE_'))) reports.changed()
  }
}

function statusOf(bundles: BundleStore) {
  return async () => {
    const [[active], { lastError }] = await Promise.all([bundles.list(1, 'active'), bundles.state()])
    return { active, lastError }
  }
}

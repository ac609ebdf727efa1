import type { AuditEvent } from './event.ts'

type Cell = string | number | boolean | null | undefined

/** The columns, in order. Lists are joined by a space; `details` is JSON. Absent parts are empty. */
const columns: readonly (readonly [name: string, cell: (event: AuditEvent) => Cell])[] = [
  ['seq', ({ seq }) => seq],
  ['id', ({ id }) => id],
  ['at', ({ at }) => at],
  ['type', ({ type }) => type],
  ['actorKind', ({ actor }) => actor?.kind],
  ['actorId', ({ actor }) => actor?.id],
  ['actorName', ({ actor }) => actor?.name],
  ['agentId', ({ agent }) => agent?.id],
  ['agentName', ({ agent }) => agent?.name],
  ['agentOwner', ({ agent }) => agent?.owner],
  ['agentRiskLevel', ({ agent }) => agent?.riskLevel],
  ['tokenId', ({ tokenId }) => tokenId],
  ['sessionId', ({ sessionId }) => sessionId],
  ['launcherName', ({ launcher }) => launcher?.name],
  ['launcherVerified', ({ launcher }) => launcher?.verified],
  ['clientIp', ({ client }) => client?.ip],
  ['clientName', ({ client }) => client?.name],
  ['clientVersion', ({ client }) => client?.version],
  ['tool', ({ tool }) => tool],
  ['resourceType', ({ resource }) => resource?.type],
  ['resourceId', ({ resource }) => resource?.id],
  ['resourceName', ({ resource }) => resource?.name],
  ['resourceGroups', ({ resource }) => resource?.groups.join(' ')],
  ['resourceEnvironment', ({ resource }) => resource?.environment],
  ['resourceVersion', ({ resource }) => resource?.version],
  ['outcome', ({ outcome }) => outcome],
  ['code', ({ code }) => code],
  ['reasons', ({ reasons }) => reasons.map(({ code }) => code).join(' ')],
  ['decisionId', ({ decisionId }) => decisionId],
  ['attempt', ({ attempt }) => attempt],
  ['policyRevision', ({ policy }) => policy?.revision],
  ['policyDigest', ({ policy }) => policy?.digest],
  ['inputDigest', ({ inputDigest }) => inputDigest],
  ['requestId', ({ requestId }) => requestId],
  ['traceparent', ({ traceparent }) => traceparent],
  ['details', ({ details }) => JSON.stringify(details)],
]

/** The first record: the columns' names. */
export const csvHeader = record(columns.map(([name]) => name))

/** One event as a CSV record (RFC 4180), with its line end. No cell of it is a formula to a spreadsheet. */
export function csvRecord(event: AuditEvent): string {
  return record(columns.map(([, cell]) => String(cell(event) ?? '')))
}

function record(cells: readonly string[]): string {
  return `${cells.map((cell) => quoted(harmless(cell))).join(',')}\r\n`
}

/** Spreadsheets run what begins like this as a formula (OWASP, CSV Injection); an apostrophe makes it text. */
function harmless(cell: string): string {
  return /^[=+\-@\t\r]/u.test(cell) ? `'${cell}` : cell
}

function quoted(cell: string): string {
  return /[",\r\n]/u.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}

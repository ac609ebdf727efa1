import { hash } from 'node:crypto'
import type { AuditEvent } from './event.ts'

/** The Open Cybersecurity Schema Framework, https://schema.ocsf.io: whose attributes these are. */
const OCSF_VERSION = '1.9.0'
const APPLICATION_ACTIVITY = 6
const API_ACTIVITY = 6003

const activities = { create: [1, 'Create'], read: [2, 'Read'], update: [3, 'Update'], delete: [4, 'Delete'] } as const
const severities = [
  [1, 'Informational'],
  [2, 'Low'],
  [3, 'Medium'],
  [4, 'High'],
  [5, 'Critical'],
] as const
const severityLevels = ['', 'low', 'medium', 'high', 'critical']
const API_TOKEN = 7
const SHA_256 = 3
const TARGET = 1

/**
 * An event as OCSF API Activity (class 6003) with the profiles `ai_operation` (the agent), `security_control` (the
 * decision) and `trace`. The event itself stands in `raw_data`, since not every part has a place in OCSF.
 * @param text the event's canonical JSON
 */
export function ocsfEvent(event: AuditEvent, text: string): object {
  const [activityId, activity] = activityOf(event)
  const [severityId, severity] = severityOf(event)
  return {
    activity_id: activityId,
    activity_name: activity,
    category_uid: APPLICATION_ACTIVITY,
    category_name: 'Application Activity',
    class_uid: API_ACTIVITY,
    class_name: 'API Activity',
    type_uid: API_ACTIVITY * 100 + activityId,
    type_name: `API Activity: ${activityId === 99 ? 'Other' : activity}`,
    severity_id: severityId,
    severity,
    time: Date.parse(event.at),
    message: [event.type, event.agent?.name ?? event.actor?.name, event.resource?.name].filter(Boolean).join(' '),
    ...status(event),
    metadata: {
      version: OCSF_VERSION,
      profiles: ['ai_operation', 'security_control', 'trace'],
      product: { name: 'CertLocker MCP', vendor_name: 'CertLocker' },
      uid: event.id,
      sequence: event.seq,
      event_code: event.type,
      log_name: 'audit',
      ...some({ correlation_uid: event.requestId }),
      ...launcher(event),
    },
    actor: actor(event),
    api: {
      operation: event.tool ?? event.type,
      service: { name: 'CertLocker MCP' },
      ...(event.requestId === null ? {} : { request: { uid: event.requestId } }),
      ...(event.code === null ? {} : { response: { error: event.code } }),
      ...(event.tokenId === null ? {} : { token: { uid: event.tokenId, type_id: API_TOKEN, type: 'API Token' } }),
    },
    src_endpoint: event.client?.ip ? { ip: event.client.ip } : { name: 'certlocker' },
    ...agent(event),
    ...resources(event),
    ...control(event),
    ...trace(event),
    raw_data: text,
    raw_data_size: Buffer.byteLength(text),
    raw_data_hash: { algorithm_id: SHA_256, algorithm: 'SHA-256', value: hash('sha256', text) },
  }
}

/** A call of a tool reads; changes of the registry say in their type what they do. */
function activityOf({ type, tool }: AuditEvent): readonly [id: number, name: string] {
  if (tool === 'certlocker_write_audit_event') return activities.create
  if (tool !== null) return activities.read
  if (type.endsWith('_CREATED')) return activities.create
  if (/_(?:UPDATED|RESTORED|SUSPENDED|RESUMED|REVOKED|ROTATED)$/u.test(type)) return activities.update
  return type.endsWith('_DELETED') ? activities.delete : [99, type]
}

/** What is denied or failed is as severe as the gravest of its reasons, everything else is information. */
function severityOf({ outcome, reasons }: AuditEvent): (typeof severities)[number] {
  const isRefused = outcome === 'deny' || outcome === 'failed'
  const levels = isRefused ? reasons.map(({ severity }) => Math.max(0, severityLevels.indexOf(severity))) : []
  return severities[Math.max(0, ...levels)] ?? severities[0]
}

function status({ outcome, code, reasons }: AuditEvent): object {
  if (outcome === null) return {}
  const normal = outcome === 'allow' || outcome === 'ok' ? [1, 'Success'] : [2, 'Failure']
  const [status_id, name] = outcome === 'require_approval' ? [99, 'Approval required'] : normal
  const detail = reasons.map(({ title }) => title).join('; ')
  return { status_id, status: name, ...some({ status_code: code, status_detail: detail || null }) }
}

const userTypes = {
  agent: [4, 'Service'],
  service: [4, 'Service'],
  person: [1, 'User'],
  system: [3, 'System'],
} as const

function actor({ actor: who, client, sessionId }: AuditEvent): object {
  const [type_id, type] = who === null ? [0, 'Unknown'] : userTypes[who.kind]
  return {
    user: who === null ? { name: 'unknown', type_id, type } : { uid: who.id, name: who.name, type_id, type },
    ...(sessionId === null ? {} : { session: { uid: sessionId } }),
    ...some({ app_name: client?.name || null }),
  }
}

function agent({ agent: who, sessionId }: AuditEvent): object {
  if (who === null) return {}
  return {
    ai_agent: { uid: who.id, name: who.name, type_id: 0, type: 'Unknown', ...some({ instance_uid: sessionId }) },
  }
}

function resources({ resource }: AuditEvent): object {
  if (resource === null) return {}
  const { id, name, type, groups, environment, version } = resource
  const labels = [
    ...groups.map((group) => `group:${group}`),
    ...(environment === '' ? [] : [`environment:${environment}`]),
  ]
  const described = { name, type, role_id: TARGET, role: 'Target', labels }
  return { resources: [{ ...described, ...some({ uid: id, version: version === null ? null : String(version) }) }] }
}

/** Who launched the agent has no attribute of its own. */
function launcher({ launcher: who }: AuditEvent): object {
  return who === null ? {} : { labels: [`launcher:${who.name}`, `launcher-${who.verified ? 'verified' : 'claimed'}`] }
}

const dispositions = {
  allow: { action_id: 1, action: 'Allowed', disposition_id: 1, disposition: 'Allowed' },
  deny: { action_id: 2, action: 'Denied', disposition_id: 2, disposition: 'Blocked' },
  require_approval: { action_id: 2, action: 'Denied', disposition_id: 14, disposition: 'Delayed' },
} as const

function control({ outcome, policy }: AuditEvent): object {
  const decided = outcome === 'allow' || outcome === 'deny' || outcome === 'require_approval'
  return {
    ...(decided ? dispositions[outcome] : {}),
    ...(policy === null ? {} : { policy: { uid: policy.digest, version: policy.revision } }),
  }
}

/** The trace's id within a W3C `traceparent`. */
function trace({ traceparent }: AuditEvent): object {
  const uid = /^[0-9a-f]{2}-([0-9a-f]{32})-/u.exec(traceparent ?? '')?.[1]
  return uid === undefined ? {} : { trace: { uid } }
}

/** OCSF leaves out what is not known. */
function some(members: { readonly [name: string]: string | null }): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null))
}

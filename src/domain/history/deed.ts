import type { AuditEvent, EventType } from '../audit/event.ts'
import type { Deed } from './activity-window.ts'

/** The events that say what the policy answered to an agent. */
export const decisionTypes = [
  'AI_AGENT_POLICY_ALLOWED',
  'AI_AGENT_POLICY_DENIED',
  'AI_AGENT_APPROVAL_REQUIRED',
] as const satisfies EventType[]

/** The only tool that gives a secret's value out. */
const READING_TOOL = 'certlocker_get_secret'

const isDecision: ReadonlySet<EventType> = new Set(decisionTypes)

/** What an event adds to its agent's history; undefined when it is no decision about an agent. */
export function deedOf(event: AuditEvent): Deed | undefined {
  const { type, resource } = event
  if (event.agent === null || !isDecision.has(type)) return undefined
  const isDenied = type === 'AI_AGENT_POLICY_DENIED'
  const isRead = type === 'AI_AGENT_POLICY_ALLOWED' && event.tool === READING_TOOL && resource?.type === 'secret'
  return {
    atMs: Date.parse(event.at),
    isNewCall: (event.attempt ?? 1) === 1,
    isDenied,
    deniedName: isDenied ? (resource?.name ?? '') : '',
    secretId: isRead ? (resource.id ?? '') : '',
    isProductionRead: isRead && resource.environment === 'production',
  }
}

import type { FromSchema } from 'json-schema-to-ts'
import type { AuditLog } from '../../domain/audit/audit-log.ts'
import { plainText } from '../../kernel/bounded-text.ts'
import type { Clock } from '../../kernel/clock.ts'
import { fault } from '../../kernel/fault.ts'
import { err, ok } from '../../kernel/result.ts'
import { callEvent } from '../call-events.ts'
import { WindowLimit } from '../window-limit.ts'
import { defineTool, type Tool } from '../tool.ts'

const NOTES_PER_MINUTE_MAX = 60

const argumentsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['action', 'message'],
  properties: {
    action: {
      type: 'string',
      minLength: 1,
      maxLength: 128,
      'x-agent-text': true,
      description: 'What the note is about, in a few words',
    },
    message: { type: 'string', minLength: 1, maxLength: 4096, 'x-agent-text': true, description: 'The note' },
    resource: {
      type: 'string',
      minLength: 1,
      maxLength: 256,
      'x-agent-text': true,
      description: 'Name of the resource it is about',
    },
  },
} as const

const resultSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['eventId'],
  properties: { eventId: { type: 'string', description: 'Id of the audit event' } },
} as const

/** Writes a note into the audit log. It is stored as untrusted text of the agent and cannot imitate a system event. */
export function writeAuditEvent(deps: { readonly auditLog: AuditLog; readonly clock: Clock }): Tool {
  const limit = new WindowLimit({ calls: NOTES_PER_MINUTE_MAX, seconds: 60 })
  return defineTool<FromSchema<typeof argumentsSchema>, FromSchema<typeof resultSchema>>({
    name: 'certlocker_write_audit_event',
    title: 'Write an audit note',
    description: 'Adds a note to the tamper-evident audit log, marked as written by this agent.',
    action: 'audit.write',
    scopes: ['audit:write'],
    readOnly: false,
    arguments: argumentsSchema,
    result: resultSchema,
    run: async ({ caller, arguments: { action, message, resource } }) => {
      if (!limit.take(caller.standing.agent.id, deps.clock.now()).allowed) return err(fault('NOTE_LIMIT'))
      const note = {
        action: plainText(action),
        message: plainText(message),
        ...(resource === undefined ? {} : { resource: plainText(resource) }),
      }
      const event = {
        ...callEvent(caller, 'certlocker_write_audit_event', { type: 'none' }),
        type: 'AI_AGENT_NOTE',
        details: { note },
      } as const
      const [written] = await deps.auditLog.append([{ event }])
      return written === undefined ? err(fault('GATEWAY_AUDIT_UNAVAILABLE')) : ok({ eventId: written.id })
    },
  })
}

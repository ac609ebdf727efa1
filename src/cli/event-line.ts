import { logLine } from '../kernel/log-line.ts'
import { isObject, type Json } from './api.ts'

/** An audit event as one line for people: when, what, who, about what, and how it ended. */
export function eventLine(event: Json): string {
  const line = logLine(textOf(event, 'type') ?? '', {
    agent: nameIn(event, 'agent'),
    actor: nameIn(event, 'actor'),
    tool: textOf(event, 'tool'),
    resource: nameIn(event, 'resource'),
    outcome: textOf(event, 'outcome'),
    code: textOf(event, 'code'),
    seq: Number(event['seq']),
    requestId: textOf(event, 'requestId'),
  })
  return `${textOf(event, 'at') ?? ''} ${line}`
}

function nameIn(event: Json, part: string): string | null {
  const value = event[part]
  return isObject(value) ? textOf(value, 'name') : null
}

function textOf(object: Json, name: string): string | null {
  const value = object[name]
  return typeof value === 'string' ? value : null
}

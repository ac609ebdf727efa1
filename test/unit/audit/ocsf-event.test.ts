import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type AuditEvent, eventTypes } from '../../../src/domain/audit/event.ts'
import { ocsfEvent } from '../../../src/domain/audit/ocsf-event.ts'
import { anEvent } from '../../support/an-event.ts'

interface Attribute {
  readonly type: string
  readonly array?: true
  readonly required?: true
  readonly ids?: readonly number[]
}
interface OcsfType {
  readonly attributes: { readonly [name: string]: Attribute }
  readonly atLeastOne?: readonly string[]
}
const schema: { readonly types: { readonly [name: string]: OcsfType } } = JSON.parse(
  readFileSync('test/support/ocsf-1.9.json', 'utf8'),
)

const mapped = (event: AuditEvent) => ocsfEvent(event, JSON.stringify(event))
const nothing = {
  actor: null,
  agent: null,
  tokenId: null,
  sessionId: null,
  launcher: null,
  client: null,
  tool: null,
  resource: null,
  outcome: null,
  code: null,
  reasons: [],
  policy: null,
  requestId: null,
  traceparent: null,
}

describe('an event as OCSF API Activity', () => {
  test.each<readonly [string, AuditEvent]>([
    ['a denied call', anEvent()],
    ['an allowed call', anEvent({ outcome: 'allow', reasons: [], code: null })],
    ['a call that waits', anEvent({ type: 'AI_AGENT_APPROVAL_REQUIRED', outcome: 'require_approval' })],
    ['an event of which nothing is known', anEvent({ ...nothing, type: 'AUDIT_CHECKPOINT' })],
    ['a change by a person', anEvent({ type: 'AGENT_CREATED', tool: null, outcome: 'ok', agent: null })],
    ...eventTypes.map((type) => [`the type ${type}`, anEvent({ type, tool: null })] as const),
  ])('fits the schema: %s', (_, event) => {
    expect(problemsIn(JSON.parse(JSON.stringify(mapped(event))), 'api_activity')).toEqual([])
  })

  test('says who asked for what, through which agent, and what the policy answered', () => {
    expect(mapped(anEvent())).toMatchObject({
      category_uid: 6,
      class_uid: 6003,
      activity_id: 2,
      type_uid: 600302,
      severity_id: 4,
      status_id: 2,
      status_code: 'GROUP_MISMATCH',
      action_id: 2,
      disposition_id: 2,
      metadata: {
        version: '1.9.0',
        uid: 'evt_1',
        sequence: 7,
        correlation_uid: 'req_1',
        labels: ['launcher:ana', 'launcher-claimed'],
      },
      ai_agent: { uid: 'agt_1', name: 'cursor-ops', instance_uid: 'ses_1' },
      api: { operation: 'certlocker_get_secret', token: { uid: 'tok_1' } },
      src_endpoint: { ip: '10.0.0.7' },
      resources: [{ uid: 'sec_1', name: 'edge-key', version: '3' }],
      trace: { uid: '0af7651916cd43dd8448eb211c80319c' },
    })
  })

  test.each([
    ['AGENT_CREATED', 1],
    ['SECRET_RESTORED', 3],
    ['AGENT_REVOKED', 3],
    ['SECRET_DELETED', 4],
    ['AI_AGENT_SESSION_STARTED', 99],
  ] as const)('tells creating, reading, changing and deleting apart: %s', (type, activity) => {
    expect(mapped(anEvent({ type, tool: null }))).toMatchObject({ activity_id: activity })
  })

  test('keeps the event itself, with its hash', () => {
    const text = JSON.stringify(anEvent())
    expect(ocsfEvent(anEvent(), text)).toMatchObject({
      raw_data: text,
      raw_data_hash: { value: createHash('sha256').update(text).digest('hex') },
    })
  })
})

/** What in an object does not fit the OCSF type: unknown attributes, missing ones, wrong types and ids. */
function problemsIn(object: object, typeName: string): string[] {
  const type = schema.types[typeName]
  if (type === undefined) return [`${typeName} is no known type`]
  const given = Object.entries<unknown>({ ...object })
  const problems = given.flatMap(([name, value]) => {
    const attribute = type.attributes[name]
    if (attribute === undefined) return [`${typeName} has no ${name}`]
    if (Array.isArray(value) !== (attribute.array === true)) return [`${typeName}.${name} is an array, or should be`]
    return [value].flat().flatMap((each: unknown) => problemsOf(each, attribute, `${typeName}.${name}`))
  })
  const names = new Set(given.map(([name]) => name))
  const missing = Object.entries(type.attributes).filter(
    ([name, { required }]) => required === true && !names.has(name),
  )
  const isNamed = type.atLeastOne === undefined || type.atLeastOne.some((name) => names.has(name))
  return [
    ...problems,
    ...missing.map(([name]) => `${typeName}.${name} is missing`),
    ...(isNamed ? [] : [`${typeName} is empty`]),
  ]
}

function problemsOf(value: unknown, { type, ids }: Attribute, path: string): string[] {
  if (typeof value === 'object' && value !== null) return problemsIn(value, type)
  if (/^(?:integer|long|timestamp)_t$/u.test(type) !== (typeof value === 'number')) return [`${path} is no ${type}`]
  if (ids !== undefined && typeof value === 'number' && !ids.includes(value)) return [`${path} cannot be ${value}`]
  return []
}

import { describe, expect, test } from 'vitest'
import { deedOf } from '../../../../src/domain/history/deed.ts'
import { anEvent } from '../../../support/an-event.ts'

const event = anEvent({
  at: '2026-03-01T09:30:00.250Z',
  type: 'AI_AGENT_POLICY_ALLOWED',
  resource: { type: 'secret', id: 'sec_1', name: 'prod-db', groups: ['prod'], environment: 'production', version: 0 },
  outcome: 'allow',
  code: null,
  details: {},
})

describe('what an event adds to the history of its agent', () => {
  test('an allowed read counts the secret, and production', () => {
    expect(deedOf(event)).toEqual({
      atMs: Date.parse(event.at),
      isNewCall: true,
      isDenied: false,
      deniedName: '',
      secretId: 'sec_1',
      isProductionRead: true,
    })
  })

  test('a denial counts the name that was asked for, also when nothing is called so', () => {
    const resource = { type: 'secret', id: null, name: 'guess', groups: [], environment: '', version: null }
    expect(deedOf({ ...event, type: 'AI_AGENT_POLICY_DENIED', resource })).toMatchObject({
      isDenied: true,
      deniedName: 'guess',
      secretId: '',
      isProductionRead: false,
    })
  })

  test('a call that waits for people is a call, and no read', () => {
    expect(deedOf({ ...event, type: 'AI_AGENT_APPROVAL_REQUIRED' })).toMatchObject({
      isNewCall: true,
      isDenied: false,
      secretId: '',
      isProductionRead: false,
    })
  })

  test('a second evaluation of a held call is no new call', () => {
    expect(deedOf({ ...event, attempt: 2 })).toMatchObject({ isNewCall: false, secretId: 'sec_1' })
  })

  test('another tool that touches a secret reads nothing', () => {
    expect(deedOf({ ...event, tool: 'certlocker_use_secret' })).toMatchObject({ secretId: '', isProductionRead: false })
  })

  test('other events, and decisions about people, add nothing', () => {
    expect(deedOf({ ...event, type: 'AI_AGENT_CALL_COMPLETED' })).toBeUndefined()
    expect(deedOf({ ...event, type: 'SECRET_REVEALED' })).toBeUndefined()
    expect(deedOf({ ...event, agent: null })).toBeUndefined()
  })
})

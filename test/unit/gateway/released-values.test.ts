import { expect, test } from 'vitest'
import { ReleasedValues, releasedBounds } from '../../../src/gateway/released-values.ts'

const { valuesPerSessionMax, bytesPerSessionMax, sessionsMax, bytesMax } = releasedBounds
const read = { action: 'secret.read' }

function given() {
  const released = new ReleasedValues()
  return {
    released,
    release: (sessionId: string, value: string) => released.remember(sessionId, read, { value }),
    isKnown: (sessionId: string, value: string) =>
      JSON.stringify(released.redact(sessionId, { agentTextMembers: ['note'] }, { note: value })).includes(
        '[redacted]',
      ),
  }
}

/** A value of so many bytes that is like no other. */
const valueOf = (index: number, bytes: number) => `${index}`.padEnd(bytes, '-')

test('what a session was given is blanked in its own text until the session ends', () => {
  const { released, release, isKnown } = given()
  release('ses_1', 'hunter2-hunter2')
  expect(isKnown('ses_1', 'took hunter2-hunter2 along')).toBe(true)
  expect(isKnown('ses_2', 'took hunter2-hunter2 along')).toBe(false)
  released.forget('ses_1')
  expect(isKnown('ses_1', 'took hunter2-hunter2 along')).toBe(false)
})

test.each([
  ['JSON', (value: string) => JSON.stringify({ value })],
  ['a URL', (value: string) => `https://example.com/?q=${encodeURIComponent(value)}`],
  ['base64', (value: string) => Buffer.from(value).toString('base64')],
  ['base64 without padding', (value: string) => Buffer.from(value).toString('base64').replace(/=+$/, '')],
  ['base64url', (value: string) => Buffer.from(value).toString('base64url')],
  ['hexadecimal', (value: string) => Buffer.from(value).toString('hex')],
  ['hexadecimal capitals', (value: string) => Buffer.from(value).toString('hex').toUpperCase()],
])('it is blanked in the form of %s as well', (_, form) => {
  const { release, isKnown } = given()
  const value = 'a "quoted"\\ välue >>>???'
  release('ses_1', value)
  expect(isKnown('ses_1', `see ${form(value)}`)).toBe(true)
  expect(isKnown('ses_1', `see ${form('another value')}`)).toBe(false)
})

test('a session keeps so many values, the latest; one that is given again counts as late', () => {
  const { release, isKnown } = given()
  for (let index = 0; index < valuesPerSessionMax; index++) release('ses_1', valueOf(index, 16))
  release('ses_1', valueOf(0, 16))
  expect(isKnown('ses_1', valueOf(1, 16))).toBe(true)
  release('ses_1', valueOf(valuesPerSessionMax, 16))
  expect(isKnown('ses_1', valueOf(0, 16))).toBe(true)
  expect(isKnown('ses_1', valueOf(1, 16))).toBe(false)
})

test('a session keeps so many bytes, whatever the letters', () => {
  const { release, isKnown } = given()
  const half = bytesPerSessionMax / 2
  release('ses_1', 'é'.repeat(half / 2))
  release('ses_1', valueOf(1, half))
  expect(isKnown('ses_1', 'é'.repeat(half / 2))).toBe(true)
  release('ses_1', 'a short value')
  expect(isKnown('ses_1', 'é'.repeat(half / 2))).toBe(false)
  expect(isKnown('ses_1', valueOf(1, half))).toBe(true)
})

test('all sessions together keep so many bytes: the one that was given nothing for longest loses first', () => {
  const { release, isKnown } = given()
  const sessions = bytesMax / bytesPerSessionMax
  for (let index = 0; index < sessions; index++) release(`ses_${index}`, valueOf(index, bytesPerSessionMax))
  expect(isKnown('ses_0', valueOf(0, bytesPerSessionMax))).toBe(true)
  release('ses_more', 'a short value')
  expect(isKnown('ses_0', valueOf(0, bytesPerSessionMax))).toBe(false)
  expect(isKnown('ses_1', valueOf(1, bytesPerSessionMax))).toBe(true)
})

test('the bytes of sessions that ended are free again', () => {
  const { released, release, isKnown } = given()
  release('ses_kept', 'a short value')
  for (let index = 0; index < (2 * bytesMax) / bytesPerSessionMax; index++) {
    release('ses_1', valueOf(index, bytesPerSessionMax))
    released.forget('ses_1')
    released.forget('ses_1')
  }
  expect(isKnown('ses_kept', 'a short value')).toBe(true)
})

test('so many sessions are kept in mind', () => {
  const { release, isKnown } = given()
  for (let index = 0; index < sessionsMax; index++) release(`ses_${index}`, valueOf(index, 16))
  expect(isKnown('ses_0', valueOf(0, 16))).toBe(true)
  release('ses_more', valueOf(0, 16))
  expect(isKnown('ses_0', valueOf(0, 16))).toBe(false)
})

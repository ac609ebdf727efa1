import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { clientRequestId, requestFacts } from '../../../src/transport/http/request-facts.ts'

const valid = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

describe('the facts of a request', () => {
  test('carry an id of ours, whatever the client sent', () => {
    const facts = requestFacts(request({ 'x-request-id': 'mine' }), [])
    expect(facts.id).toMatch(/^req_[0-9a-z]{25}$/)
    expect(clientRequestId(request({ 'x-request-id': 'mine' }))).toBe('mine')
  })

  test.each(['has space', 'new\nline', 'x'.repeat(129), ''])("drop the client's request id %j", (id) => {
    expect(clientRequestId(request({ 'x-request-id': id }))).toBeNull()
  })

  test('take a valid traceparent through', () => {
    expect(requestFacts(request({ traceparent: valid }), []).traceparent).toBe(valid)
  })

  test.each([
    valid.toUpperCase(),
    valid.replace('00-', 'ff-'),
    `${valid}-00`,
    valid.replace(/4bf[0-9a-f]+/u, '0'.repeat(32)),
    valid.replace(/00f0[0-9a-f]+/u, '0'.repeat(16)),
    'x',
  ])('drop the traceparent %s', (traceparent) => {
    expect(requestFacts(request({ traceparent }), []).traceparent).toBeNull()
  })
})

function request(headers: { readonly [name: string]: string }): IncomingMessage {
  const message = new IncomingMessage(new Socket())
  Object.assign(message.headers, headers)
  return message
}

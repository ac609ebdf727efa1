import { format, inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { Secret } from '../../../src/kernel/secret.ts'

const PLANTED = 'canary-8d0f'

describe('a secret', () => {
  const secret = new Secret(PLANTED)
  test.each([
    ['JSON', JSON.stringify({ secret })],
    ['a template string', `${secret}`],
    ['concatenation', `${secret.toString()}!`],
    ['an error message', new Error(`failed with ${secret}`).message],
    ['the cause of an error', inspect(new Error('failed', { cause: secret }))],
    ['inspection', inspect(secret)],
    ['inspection with hidden members', inspect(secret, { showHidden: true, depth: 10 })],
    ['inspection from the outside', inspect({ deep: [{ secret }] }, { depth: 10 })],
    ['format %s', format('%s', secret)],
    ['format %o', format('%o', secret)],
    ['format %j', format('%j', secret)],
    ['its members', JSON.stringify(Object.entries(secret))],
    ['a copy', JSON.stringify({ ...secret })],
    ['a structured clone', inspect(structuredClone(secret))],
  ])('does not show its value in %s', (_, text) => {
    expect(text).not.toContain(PLANTED)
  })

  test('prints [redacted] instead', () => {
    expect([`${secret}`, JSON.stringify(secret), inspect(secret)]).toEqual(['[redacted]', '"[redacted]"', '[redacted]'])
  })

  test('gives its value to whoever asks by name', () => {
    expect(secret.expose()).toBe(PLANTED)
  })
})

import { generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { mintBearer } from '../../../src/kernel/bearer.ts'
import { FaultError, fault } from '../../../src/kernel/fault.ts'
import { redactBounds, redacted, redactedText } from '../../../src/kernel/redact.ts'
import { Secret } from '../../../src/kernel/secret.ts'

const CANARY = 'canary8d0f41'
const privateKey = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

describe('text on its way to the log', () => {
  test.each([
    ['an MCP token', mintBearer('clk_mcp').value.expose()],
    ['an API key', mintBearer('clk_api').value.expose()],
    ['an SSH ticket', mintBearer('clk_ssh').value.expose()],
    ['a private key', privateKey],
    ['the beginning of a private key', privateKey.slice(0, 80)],
    ['a JWT', 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ'],
    ['a Vault token', 'hvs.CAESIJzcanary8d0f41'],
  ])('loses %s and keeps what is around it', (_, credential) => {
    const text = redactedText(`before ${credential} after`)
    expect(text).toMatch(/^before .*\[redacted\]/u)
    for (const line of credential.split('\n').filter((part) => part.length > 8)) expect(text).not.toContain(line)
  })

  test.each([
    [`postgres://gateway:${CANARY}@db:5432/x`, 'postgres://[redacted]@db:5432/x'],
    [`https://:${CANARY}@host`, 'https://[redacted]@host'],
    [`Authorization: Bearer ${CANARY}`, 'Authorization: Bearer [redacted]'],
    [`basic ${CANARY}==`, 'basic [redacted]'],
  ])('%s becomes %s', (text, expected) => {
    expect(redactedText(text)).toBe(expected)
  })

  test.each([
    'prod-db-password',
    'a token was created',
    'clk_mcp_ab12',
    'https://host:8443/path@2',
    'agt_0123456789abcdefghjkmnpqr',
  ])('keeps %s', (text) => {
    expect(redactedText(text)).toBe(text)
  })

  test('is whole at the bound and cut one past it', () => {
    const atBound = 'x'.repeat(redactBounds.textCharactersMax)
    expect(redactedText(atBound)).toBe(atBound)
    expect(redactedText(`${atBound}x`)).toBe(`${atBound}… (cut)`)
  })

  test('takes no time to speak of, however hostile', () => {
    const hostile = ['-----BEGIN ', 'a://', 'eyJaaaaaa.', 'a:@', 'bearer ', 'clk_mcp_'].map((part) =>
      part.repeat(200_000),
    )
    const before = performance.now()
    for (const text of hostile) redactedText(text)
    expect(performance.now() - before).toBeLessThan(2000)
  })
})

describe('a value on its way to the log', () => {
  test.each([
    'password',
    'dbPassword',
    'DB_PASSWORD',
    'Authorization',
    'x-vault-token',
    'apiKey',
    'api_key',
    'clientSecret',
    'value',
    'token',
    'privateKey',
    'Set-Cookie',
    'ticket',
    'passphrase',
    'adminKey',
    'credential',
  ])('does not show a member called %s', (name) => {
    expect(inspect(redacted({ deep: [{ [name]: CANARY }] }), { depth: 10 })).not.toContain(CANARY)
  })

  test.each(['tokenId', 'tokensPerMinute', 'secretName', 'keyId', 'values', 'code'])(
    'shows a member called %s',
    (name) => {
      expect(redacted({ [name]: 'shown' })).toEqual({ [name]: 'shown' })
    },
  )

  test('does not show a secret, whatever its name', () => {
    expect(redacted({ a: new Secret(CANARY), b: new Map([['c', new Secret(CANARY)]]) })).toEqual({
      a: '[redacted]',
      b: { c: '[redacted]' },
    })
  })

  test('shows an error with the chain of its causes, and not what a driver hung on it', () => {
    const driver = Object.assign(new Error('duplicate key'), { code: '23505', detail: CANARY, parameters: [CANARY] })
    const error = new FaultError(fault('NAME_TAKEN', { detail: 'groups_name_key', cause: driver }))
    const text = inspect(redacted(error), { depth: 10 })
    expect(redacted(error)).toMatchObject({
      name: 'FaultError',
      fault: 'NAME_TAKEN',
      detail: 'groups_name_key',
      cause: { name: 'Error', message: 'duplicate key', code: '23505' },
    })
    expect(text).not.toContain(CANARY)
  })

  test('shows the errors of an aggregate', () => {
    expect(redacted(new AggregateError([new Error('one'), new Error('two')], 'all'))).toMatchObject({
      errors: [{ message: 'one' }, { message: 'two' }],
    })
  })

  test('ends: in cycles, in depth, in width', () => {
    const cycle: { self?: object } = {}
    cycle.self = cycle
    expect(redacted(cycle)).toEqual({ self: '[circular]' })
    const wide = Array(redactBounds.membersMax + 1).fill(0)
    expect(redacted({ wide, record: Object.fromEntries(wide.entries()) })).toMatchObject({
      wide: Array(redactBounds.membersMax).fill(0),
      record: expect.not.objectContaining({ [redactBounds.membersMax]: 0 }),
    })
    const deep = Array.from({ length: redactBounds.depthMax + 1 }).reduce<object>((inner) => ({ inner }), {})
    expect(JSON.stringify(redacted(deep))).toContain('"[deeper]"')
  })

  test('shows bytes by their number, dates in ISO form and big integers in full', () => {
    expect(redacted([Buffer.from(CANARY), new Date(0), 12n, null, true])).toEqual([
      '[12 bytes]',
      '1970-01-01T00:00:00.000Z',
      '12',
      null,
      true,
    ])
  })
})

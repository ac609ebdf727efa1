import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { describe, expect, test } from 'vitest'
import { approvalSchema } from '../../../../src/domain/approvals/approval.schema.ts'
import {
  createSecretSchema,
  getSecretArguments,
  getSecretResult,
  secretSchema,
  secretValueBytesMax,
  secretVersionSchema,
  updateSecretSchema,
} from '../../../../src/domain/secrets/secret.schema.ts'
import { sessionSchema } from '../../../../src/domain/sessions/session.schema.ts'

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true })
addFormats.default(ajv)
ajv.addKeyword({ keyword: 'x-sensitive', schemaType: 'boolean' })

describe('the schemas of secrets, sessions and approvals', () => {
  test.each([
    createSecretSchema,
    updateSecretSchema,
    secretSchema,
    secretVersionSchema,
    getSecretArguments,
    getSecretResult,
    sessionSchema,
    approvalSchema,
  ])('are strict JSON Schema %#', (schema) => {
    expect(() => ajv.compile(schema)).not.toThrow()
  })

  test.each<[string, boolean]>([
    ['a', true],
    ['prod-db.password_2', true],
    ['a'.repeat(128), true],
    ['a'.repeat(129), false],
    ['', false],
    ['-a', false],
    ['Prod', false],
    ['prod/db', false],
    ['prod\n', false],
  ])('a new secret may be called %j: %s', (name, isFit) => {
    expect(ajv.validate(createSecretSchema, { name, value: 'x' })).toBe(isFit)
  })

  test.each<[string, boolean]>([
    ['', false],
    ['x'.repeat(secretValueBytesMax), true],
    ['x'.repeat(secretValueBytesMax + 1), false],
  ])('a value has between one and 64 Ki characters', (value, isFit) => {
    expect(ajv.validate(createSecretSchema, { name: 'a', value })).toBe(isFit)
  })

  test.each<[object, boolean]>([
    [{ name: 'Prod DB; DROP TABLE' }, true],
    [{ name: '../prod' }, true],
    [{ name: 'é'.repeat(256) }, true],
    [{ name: 'a'.repeat(257) }, false],
    [{ name: '' }, false],
    [{ name: 'a\u0000b' }, false],
    [{ name: 'a\u2028b' }, false],
    [{ name: 'a', version: 0 }, true],
    [{ name: 'a', version: -1 }, false],
    [{ name: 'a', version: 1.5 }, false],
    [{ name: 'a', version: '1' }, false],
    [{ name: 'a', group: 'prod' }, false],
  ])('an agent may ask for a look-alike, and be denied, but not for nonsense: %j', (args, isFit) => {
    expect(ajv.validate(getSecretArguments, args)).toBe(isFit)
  })
})

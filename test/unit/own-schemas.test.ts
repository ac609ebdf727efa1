import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { describe, expect, test } from 'vitest'
import { configSchema } from '../../src/config/config.schema.ts'
import { createCatalog } from '../../src/gateway/tools/catalog.ts'
import { requestCertificate } from '../../src/gateway/tools/request-certificate.ts'
import { decisionSchema } from '../../src/policy/decision.schema.ts'
import { policyInputSchema } from '../../src/policy/input.schema.ts'
import { routes } from '../../src/transport/rest/routes.ts'

/** Stands for all that a tool is given to work with: here none works. */
const anything: never = new Proxy(() => undefined, { get: () => anything }) as never

const tools = [...createCatalog(anything).tools, requestCertificate(anything)]

const of2020: readonly (readonly [string, object | undefined])[] = [
  ['the configuration', configSchema],
  ...tools.flatMap(({ name, inputSchema, outputSchema }) => [
    [`the arguments of ${name}`, inputSchema] as const,
    [`the result of ${name}`, outputSchema] as const,
  ]),
  ...routes.flatMap(({ id, query, body }) => [
    [`the query of ${id}`, query] as const,
    [`the body of ${id}`, body] as const,
  ]),
]
const ofDraft07 = [
  ['the input of the policy', policyInputSchema],
  ['the decision', decisionSchema],
] as const

const compiler = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, validateSchema: false })
addFormats.default(compiler)
for (const keyword of ['x-sensitive', 'x-agent-text', 'x-secret', 'x-path', 'x-file-only']) compiler.addKeyword(keyword)

describe('a schema that is compiled without its meta-schema', () => {
  test.each(of2020.filter(([, schema]) => schema !== undefined))('fits it: %s', (_, schema) => {
    const ajv = new Ajv2020({ strict: false })
    expect(ajv.validateSchema(schema ?? false), ajv.errorsText()).toBe(true)
  })

  test.each(ofDraft07)('fits it: %s', (_, schema) => {
    const ajv = new Ajv({ strict: false })
    expect(ajv.validateSchema(schema), ajv.errorsText()).toBe(true)
  })
})

describe('a schema that is compiled when it is first asked', () => {
  test.each(of2020.filter(([, schema]) => schema !== undefined))('compiles: %s', (_, schema) => {
    expect(compiler.compile(schema ?? false)).toBeTypeOf('function')
  })
})

import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { describe, expect, test } from 'vitest'
import { openApiDocument } from '../../../src/transport/rest/openapi.ts'
import { routes } from '../../../src/transport/rest/routes.ts'

interface Operation {
  readonly operationId: string
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: object }[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: { readonly [status: string]: { readonly description: string; readonly content: Content } }
}
type Content = {
  readonly [type: string]: {
    readonly schema: object
    readonly example?: unknown
    readonly examples?: { readonly [code: string]: { readonly value: unknown } }
  }
}
interface Document {
  readonly openapi: string
  readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } }
  readonly components: { readonly schemas: { readonly [name: string]: object } }
}

const document: Document = JSON.parse(
  JSON.stringify(openApiDocument(routes, { version: '1.2.3', url: 'http://127.0.0.1:8080' })),
)
const ajv = schemaCompiler(document)
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ title: `${method.toUpperCase()} ${path}`, path, operation })),
)

describe('the OpenAPI document', () => {
  test('is of version 3.1 and holds each route of the table once', () => {
    expect(document.openapi).toBe('3.1.0')
    expect(operations.map(({ operation }) => operation.operationId).sort()).toEqual(routes.map(({ id }) => id).sort())
  })

  test('refers only to schemas that it defines, and defines none that nothing refers to', () => {
    const text = JSON.stringify(document)
    const referred = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/gu)].map(([, name]) => name))
    expect([...referred].sort()).toEqual(Object.keys(document.components.schemas).sort())
  })

  test.each(operations)('$title declares exactly the parameters of its path', ({ path, operation }) => {
    const inPath = [...path.matchAll(/\{(\w+)\}/gu)].map(([, name]) => name)
    expect(operation.parameters.filter(({ in: place }) => place === 'path').map(({ name }) => name)).toEqual(inPath)
    expect(path).not.toContain(':')
  })

  test.each(operations)('$title brings examples that fit their schemas', ({ operation }) => {
    const contents = [
      operation.requestBody?.content,
      ...Object.values(operation.responses).map(({ content }) => content),
    ]
    const problems = contents
      // Of bytes there is no example.
      .flatMap((content) => Object.entries(content ?? {}).filter(([type]) => type !== 'application/gzip'))
      .flatMap(([, { schema, example, examples }]) => {
        const validate = ajv.compile(absolute(schema))
        const values = examples === undefined ? [example] : Object.values(examples).map(({ value }) => value)
        return values.flatMap((value) => (validate(value) ? [] : [{ value, errors: validate.errors }]))
      })
    expect(problems).toEqual([])
  })

  test.each(operations)(
    '$title says how it refuses: 401, 403, 500 and 503 at least, each with an example per code',
    ({ operation }) => {
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['400', '401', '403', '500', '503']))
    },
  )
})

function schemaCompiler({ components }: Document): Ajv2020 {
  const compiler = new Ajv2020({ strict: true, strictRequired: false, allErrors: true, allowUnionTypes: true })
  addFormats.default(compiler)
  compiler.addKeyword({ keyword: 'x-sensitive', schemaType: 'boolean' })
  compiler.addKeyword({ keyword: 'x-agent-text', schemaType: 'boolean' })
  compiler.addKeyword('components')
  compiler.addSchema({ ...absolute({ components }), $id: 'doc' })
  return compiler
}

function absolute(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"doc#/components'))
}

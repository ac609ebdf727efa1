import { readFile } from 'node:fs/promises'
import { Ajv } from 'ajv'
import type { FromSchema } from 'json-schema-to-ts'
import { canonicalJson } from '../../kernel/canonical-json.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { effects } from '../../kernel/vocabulary.ts'
import type { Decision } from '../../policy/decision.schema.ts'
import { inputProblem } from '../../policy/input-check.ts'
import type { SourceFile } from './sources.ts'

const facts = { type: 'object' } as const
const texts = { type: 'array', items: { type: 'string' } } as const

/** A file of decision vectors: who asks for what, what is different from the fixtures, and what the answer must be. */
const vectorFileSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['about', 'vectors'],
  properties: {
    about: { type: 'string' },
    vectors: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'principal', 'action', 'resource', 'expect'],
        properties: {
          name: { type: 'string' },
          principal: { type: 'string' },
          action: { type: 'string' },
          resource: { type: 'string' },
          facts,
          config: facts,
          expect: {
            type: 'object',
            additionalProperties: false,
            required: ['effect', 'codes'],
            properties: {
              effect: { enum: effects },
              codes: texts,
              title: { type: 'string' },
              obligations: { type: 'array', items: facts },
              approval: facts,
            },
          },
        },
      },
    },
  },
} as const

const fixturesSchema = {
  type: 'object',
  properties: {
    call: facts,
    principals: { type: 'object', additionalProperties: facts },
    resources: { type: 'object', additionalProperties: facts },
  },
} as const

type Expectation = FromSchema<typeof vectorFileSchema>['vectors'][number]['expect']

/** One question with its whole input, the tunables it is asked under, and what is expected. */
export interface Vector {
  readonly file: string
  readonly name: string
  readonly input: object
  readonly config: object
  readonly expect: Expectation
}

/** Reads the vector files and completes them from the fixtures. @returns the vectors, or the first file that is wrong and why */
export async function readVectors(files: readonly SourceFile[], fixtureFiles: readonly SourceFile[], tunables: object) {
  let named: FromSchema<typeof fixturesSchema> = {}
  for (const file of fixtureFiles) {
    const fixtures = await readJson(file, isFixtures)
    if (!fixtures.ok) return fixtures
    named = { ...named, ...merged(named, fixtures.value) }
  }
  const vectors: Vector[] = []
  for (const file of files) {
    const content = await readJson(file, isVectorFile)
    if (!content.ok) return content
    for (const { name, principal, action, resource, expect, facts = {}, config = {} } of content.value.vectors) {
      const who = named.principals?.[principal]
      const what = named.resources?.[resource]
      if (who === undefined || what === undefined) {
        return err(
          `${file.path}: "${name}" names ${who === undefined ? principal : resource}, which no fixture describes`,
        )
      }
      const asked = merged(named.call ?? {}, { call: { action }, principal: who, resource: what })
      const input = merged(asked, facts)
      const problem = inputProblem(input)
      if (problem !== undefined) return err(`${file.path}: "${name}": ${problem}`)
      vectors.push({ file: file.path, name, input, config: { ...tunables, ...config }, expect })
    }
  }
  return ok(vectors)
}

/** Says in which way a decision is not the expected one; undefined when it is. */
export function disappointment({ expect }: Vector, decision: Decision): string | undefined {
  const codes = decision.reasons.map(({ code }) => code)
  if (decision.effect !== expect.effect || !same([...codes].sort(), [...expect.codes].sort())) {
    return `expected ${expect.effect} [${expect.codes.join(', ')}], got ${decision.effect} [${codes.join(', ')}]`
  }
  if (expect.title !== undefined && !decision.reasons.some(({ title }) => title === expect.title)) {
    return `expected the title "${expect.title}", got "${decision.reasons.map(({ title }) => title).join('", "')}"`
  }
  if (!same(decision.obligations, expect.obligations ?? [])) {
    return `expected obligations ${JSON.stringify(expect.obligations ?? [])}, got ${JSON.stringify(decision.obligations)}`
  }
  return expect.approval === undefined || same(decision.approval, expect.approval)
    ? undefined
    : `expected approval ${JSON.stringify(expect.approval)}, got ${JSON.stringify(decision.approval)}`
}

const ajv = new Ajv({ strict: true })
const isVectorFile = ajv.compile<FromSchema<typeof vectorFileSchema>>(vectorFileSchema)
const isFixtures = ajv.compile<FromSchema<typeof fixturesSchema>>(fixturesSchema)

async function readJson<T>({ path }: SourceFile, is: (value: unknown) => value is T): Promise<Result<T, string>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    return is(value) ? ok(value) : err(`${path}: is not of the form of a vector or fixture file`)
  } catch (error) {
    if (error instanceof SyntaxError) return err(`${path}: ${error.message}`)
    throw error
  }
}

type JsonObject = { readonly [name: string]: unknown }

/** The second laid over the first: objects member by member, everything else replaced. */
function merged(below: JsonObject, above: JsonObject): JsonObject {
  const result: { [name: string]: unknown } = { ...below }
  for (const [name, value] of Object.entries(above)) {
    const under = result[name]
    result[name] = isObject(under) && isObject(value) ? merged(under, value) : value
  }
  return result
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function same(a: unknown, b: unknown): boolean {
  return canonicalJson(a) === canonicalJson(b)
}

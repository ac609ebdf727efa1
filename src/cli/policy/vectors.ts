import { readFile } from 'node:fs/promises'
import { Ajv, type ValidateFunction } from 'ajv'
import type { FromSchema } from 'json-schema-to-ts'
import { ownSchemas } from '../../kernel/own-schemas.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { inputProblem } from '../../policy/input-check.ts'
import type { SourceFile } from './sources.ts'
import { type Expectation, type StatedVector, statedVectors, type VectorFile, vectorFileSchema } from './vector-file.ts'

const facts = { type: 'object' } as const

const fixturesSchema = {
  type: 'object',
  properties: {
    call: facts,
    principals: { type: 'object', additionalProperties: facts },
    resources: { type: 'object', additionalProperties: facts },
  },
} as const

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
    const stated = await readStatedVectors(file)
    if (!stated.ok) return stated
    for (const { name, principal, action, resource, expect, facts = {}, config = {} } of stated.value) {
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

/** Reads one vector file as it is stated, matrices written out. @returns the vectors, or why the file is none */
export async function readStatedVectors(file: SourceFile): Promise<Result<readonly StatedVector[], string>> {
  const content = await readJson(file, isVectorFile)
  if (!content.ok) return content
  const stated = statedVectors(content.value)
  return stated.ok ? stated : err(`${file.path}: ${stated.error}`)
}

const ajv = new Ajv({ ...ownSchemas, strictRequired: false })
const isVectorFile = ajv.compile<VectorFile>(vectorFileSchema)
const isFixtures = ajv.compile<FromSchema<typeof fixturesSchema>>(fixturesSchema)

async function readJson<T>({ path }: SourceFile, is: ValidateFunction<T>): Promise<Result<T, string>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (is(value)) return ok(value)
    const [problem] = is.errors ?? []
    const where = `${problem?.instancePath ?? ''} ${problem?.message ?? ''}`.trim()
    return err(`${path}: is not of the form of a vector or fixture file: ${where}`)
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

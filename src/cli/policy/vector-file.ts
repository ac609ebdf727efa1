import type { FromSchema } from 'json-schema-to-ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { effects } from '../../kernel/vocabulary.ts'

const facts = { type: 'object' } as const
const text = { type: 'string' } as const
const texts = { type: 'array', items: text } as const
const names = { type: 'array', items: text, minItems: 1, uniqueItems: true } as const

const expectationSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['effect', 'codes'],
  properties: {
    effect: { enum: effects },
    codes: texts,
    title: text,
    obligations: { type: 'array', items: facts },
    approval: facts,
  },
} as const

/** An effect and its codes: `deny GROUP_MISMATCH SCOPE_MISSING`. */
const shortExpectationSchema = {
  type: 'string',
  pattern: `^(${effects.join('|')})( [A-Z][A-Z0-9_]{2,63})*$`,
} as const

const vectorSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'principal', 'action', 'resource', 'expect'],
  properties: {
    name: text,
    principal: text,
    action: text,
    resource: text,
    facts,
    config: facts,
    expect: expectationSchema,
  },
} as const

/** Every principal does every action to every resource; each of these answers is expected in exactly one row. */
const matrixSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'principals', 'resources', 'actions', 'expected'],
  properties: {
    name: text,
    principals: names,
    resources: names,
    actions: names,
    facts,
    config: facts,
    expected: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['principals', 'resources', 'actions'],
        properties: {
          principals: names,
          resources: names,
          actions: {
            type: 'object',
            minProperties: 1,
            additionalProperties: { anyOf: [shortExpectationSchema, expectationSchema] },
          },
        },
      },
    },
  },
} as const

/** A file of decision vectors: who asks for what, what is different from the fixtures, and what the answer must be. */
export const vectorFileSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['about'],
  anyOf: [{ required: ['vectors'] }, { required: ['matrix'] }],
  properties: {
    about: text,
    vectors: { type: 'array', items: vectorSchema },
    matrix: { type: 'array', items: matrixSchema },
  },
} as const

export type VectorFile = FromSchema<typeof vectorFileSchema>
export type Expectation = FromSchema<typeof expectationSchema>
export type StatedVector = FromSchema<typeof vectorSchema>
type Matrix = FromSchema<typeof matrixSchema>

/** All vectors of a file, those of its matrices written out. @returns them, or what a matrix says twice, not at all, or too much */
export function statedVectors({ vectors = [], matrix = [] }: VectorFile): Result<readonly StatedVector[], string> {
  const all = [...vectors]
  for (const one of matrix) {
    const cells = cellsOf(one)
    if (!cells.ok) return cells
    all.push(...cells.value)
  }
  return ok(all)
}

function cellsOf({ name, principals, resources, actions, expected, ...common }: Matrix) {
  const wanted = new Set(combinations(principals, actions, resources).map(cellName))
  const cells = new Map<string, StatedVector>()
  for (const row of expected) {
    for (const [principal, action, resource] of combinations(row.principals, Object.keys(row.actions), row.resources)) {
      const cell = cellName([principal, action, resource])
      const answer = row.actions[action]
      if (!wanted.has(cell)) return err(`"${name}" expects an answer for ${cell}, which its lists do not hold`)
      if (cells.has(cell)) return err(`"${name}" expects two answers for ${cell}`)
      if (answer === undefined) continue
      cells.set(cell, { ...common, name: `${name}: ${cell}`, principal, action, resource, expect: whole(answer) })
    }
  }
  const silent = [...wanted].find((cell) => !cells.has(cell))
  return silent === undefined ? ok([...cells.values()]) : err(`"${name}" does not say what ${silent} is answered`)
}

type Cell = readonly [principal: string, action: string, resource: string]

function combinations(
  principals: readonly string[],
  actions: readonly string[],
  resources: readonly string[],
): readonly Cell[] {
  return principals.flatMap((principal) =>
    actions.flatMap((action) => resources.map((resource): Cell => [principal, action, resource])),
  )
}

function cellName([principal, action, resource]: Cell): string {
  return `${principal} ${action} ${resource}`
}

function whole(answer: Matrix['expected'][number]['actions'][string]): Expectation {
  if (typeof answer !== 'string') return answer
  const [effect, ...codes] = answer.split(' ')
  return { effect: effects.find((one) => one === effect) ?? 'deny', codes }
}

import { Ajv } from 'ajv'
import { bounds } from '../kernel/bounded-text.ts'
import { ownSchemas } from '../kernel/own-schemas.ts'
import { type PolicyInput, policyInputSchema } from './input.schema.ts'
import { unfitForPolicy } from './plain-value.ts'

/** Bounds of a whole input; `arguments` lie one level deep in it. Twice the largest argument text, and room for the facts. */
export const inputBounds = { depthMax: bounds.argumentDepthMax + 1, sizeMax: 262_144 } as const

// The schema's lengths are UTF-16 code units, and counting code points would be most of the cost of the check.
const isInput = new Ajv({ ...ownSchemas, unicode: false, logger: false }).compile(policyInputSchema)

/** Whether a policy may see it. */
export function isPolicyInput(input: unknown): input is PolicyInput {
  return inputProblem(input) === undefined
}

/** Says why something is not an input a policy may see, naming the place and never the value; undefined when it is. */
export function inputProblem(input: unknown): string | undefined {
  const unfit = unfitForPolicy(input, inputBounds)
  if (unfit !== undefined) return unfit
  if (isInput(input)) return undefined
  const [error] = isInput.errors ?? []
  return `input${error?.instancePath ?? ''} ${error?.message ?? 'does not fit the schema'}`
}

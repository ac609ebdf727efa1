import { readFile } from 'node:fs/promises'
import { Ajv } from 'ajv'
import type { FromSchema } from 'json-schema-to-ts'
import { ownSchemas } from '../../../kernel/own-schemas.ts'
import { err, ok, type Result } from '../../../kernel/result.ts'
import type { SourceFile } from '../sources.ts'

const text = { type: 'string', minLength: 1 } as const

const explanationsSchema = {
  type: 'array',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['file', 'source', 'change', 'reason'],
    properties: { file: text, source: text, change: text, reason: text },
  },
} as const

/** Why a mutant may survive: file (as in the bundle), line and change as `policy mutate` tells them, and the reason. */
export type Explanation = FromSchema<typeof explanationsSchema>[number]

const isExplanations = new Ajv(ownSchemas).compile<readonly Explanation[]>(explanationsSchema)

/** Reads the committed lists `survivors.json`. @returns the explanations, or which file is no such list and why */
export async function readExplanations(files: readonly SourceFile[]): Promise<Result<readonly Explanation[], string>> {
  const all: Explanation[] = []
  for (const { path } of files) {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (!isExplanations(value)) {
      const [problem] = isExplanations.errors ?? []
      return err(
        `${path}: ${problem?.instancePath ?? ''} ${problem?.message ?? ''}: give [{file, source, change, reason}]`,
      )
    }
    all.push(...value)
  }
  return ok(all)
}

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decisionSchema } from './decision.schema.ts'
import { policyInputSchema } from './input.schema.ts'

const DRAFT = 'http://json-schema.org/draft-07/schema#'

/** The JSON Schema files of `policies/schemas`, by name: what `opa check --schema` reads and policy authors look up. */
export function schemaFiles(): Readonly<Record<string, string>> {
  return { 'input.json': fileText(policyInputSchema), 'decision.json': fileText(decisionSchema) }
}

/** Writes the schema files into a directory. */
function writeSchemas(directory: string): void {
  mkdirSync(directory, { recursive: true })
  for (const [name, text] of Object.entries(schemaFiles())) writeFileSync(join(directory, name), text)
}

function fileText(schema: object): string {
  return `${JSON.stringify({ $schema: DRAFT, ...schema }, null, 2)}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeSchemas(join(dirname(fileURLToPath(import.meta.url)), '../../policies/schemas'))
}

/** The part of JSON Schema that our schemas of documents use. */
export interface DocumentSchema {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly description?: string
  readonly items?: DocumentSchema
  readonly properties?: { readonly [name: string]: DocumentSchema }
  readonly additionalProperties?: boolean | DocumentSchema
}

export interface SchemaRow {
  /** As a policy writes it: `principal.groups[]`. */
  readonly path: string
  readonly values: string
  readonly meaning: string
}

/** The leaves of a schema, in its order. */
export function schemaRows(schema: DocumentSchema, path = ''): readonly SchemaRow[] {
  if (schema.properties !== undefined)
    return Object.entries(schema.properties).flatMap(([name, member]) =>
      schemaRows(member, path === '' ? name : `${path}.${name}`),
    )
  if (schema.items?.properties !== undefined) return schemaRows(schema.items, `${path}[]`)
  return [
    {
      path: schema.items === undefined ? path : `${path}[]`,
      values: valuesOf(schema),
      meaning: schema.description ?? '',
    },
  ]
}

function valuesOf(schema: DocumentSchema): string {
  if (schema.const !== undefined) return code(schema.const)
  if (schema.enum !== undefined) return schema.enum.map(code).join(', ')
  if (schema.items !== undefined) return valuesOf(schema.items)
  if (typeof schema.additionalProperties === 'object') return `object of ${valuesOf(schema.additionalProperties)}`
  return schema.type ?? 'any'
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value)}\``
}

/**
 * An example of what a JSON Schema describes: the first of its own `examples`, else one built from its parts. Properties
 * that are not required are left out unless they bring an example of their own; of alternatives (`oneOf`, `anyOf`) the first is taken.
 */
export function exampleOf(schema: object): unknown {
  const examples = member(schema, 'examples')
  if (Array.isArray(examples)) return examples[0]
  const choices = member(schema, 'enum')
  if (Array.isArray(choices)) return choices[0]
  if (Object.hasOwn(schema, 'const')) return member(schema, 'const')
  const [alternative] = listOf(member(schema, 'anyOf'))
  if (typeof alternative === 'object' && alternative !== null) return exampleOf(alternative)
  const type = member(schema, 'type')
  return ofType(schema, Array.isArray(type) ? type[0] : type)
}

function ofType(schema: object, type: unknown): unknown {
  if (type === 'object') return objectExample(schema)
  if (type === 'array') {
    const items = member(schema, 'items')
    return typeof items === 'object' && items !== null ? [exampleOf(items)] : []
  }
  if (type === 'integer') return member(schema, 'minimum') ?? 0
  if (type === 'boolean') return true
  return member(schema, 'format') === 'date-time' ? '2026-03-01T09:30:00.000Z' : '…'
}

function objectExample(schema: object): object {
  const [chosen = [], ...others] = listOf(member(schema, 'oneOf')).map((branch) => listOf(member(branch, 'required')))
  const required = [...listOf(member(schema, 'required')), ...chosen]
  const excluded = others.flat().filter((name) => !required.includes(name))
  const properties = Object.entries(member(schema, 'properties') ?? {}).filter(
    ([name, at]) => required.includes(name) || (member(at, 'examples') !== undefined && !excluded.includes(name)),
  )
  return Object.fromEntries(properties.map(([name, at]) => [name, exampleOf(at)]))
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function member(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null && Object.hasOwn(of, name) ? Reflect.get(of, name) : undefined
}

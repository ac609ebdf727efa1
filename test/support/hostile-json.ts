import fc from 'fast-check'

const DEEP = 600
const deep: unknown = Array.from({ length: DEEP }).reduce<unknown>((inner) => [inner], 1)

/** Values of the wrong type, size, depth or spelling. */
const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    Number.MAX_SAFE_INTEGER + 2,
    '',
    ' ',
    '\u0000',
    '\ud800',
    '\u202e',
    '../',
    '%00',
    "' OR 1=1 --",
    '__proto__',
    '1e999',
    'x'.repeat(5_000),
    [],
    {},
    [null],
    { constructor: { prototype: { polluted: true } } },
    { $ref: '#' },
    Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`m${index}`, index])),
    deep,
  ),
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary' }),
)

const step = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom('replace', 'replace', 'drop', 'add', 'wrap'),
  name: fc.constantFrom('extra', '__proto__', 'constructor', 'id', 'name', '', '\ud800', 'approved'),
  value: hostileValue,
})

/** A JSON value with some of its parts replaced, dropped, added to or wrapped. */
export function mutantOf(value: unknown): fc.Arbitrary<unknown> {
  return fc.array(step, { maxLength: 3 }).map((steps) => {
    let mutant = structuredClone(value)
    for (const { at, kind, name, value: shared } of steps) {
      const hostile: unknown = structuredClone(shared)
      const places = placesIn(mutant)
      const place = places[at % places.length]
      if (place === undefined) continue
      if (place.parent === undefined) {
        if (kind === 'replace') mutant = hostile
        if (kind === 'wrap') mutant = [mutant]
        if (kind === 'add' && isObject(mutant)) define(mutant, name, hostile)
        continue
      }
      if (kind === 'drop') Reflect.deleteProperty(place.parent, place.key)
      else if (kind === 'wrap') define(place.parent, place.key, [place.value])
      else if (kind === 'add' && isObject(place.value)) define(place.value, name, hostile)
      else define(place.parent, place.key, hostile)
    }
    return mutant
  })
}

/** The bytes of a body that may not even be JSON: cut short, with a byte changed, a member twice, or in a batch. */
export function bytesOf(value: unknown): fc.Arbitrary<Buffer> {
  const text = JSON.stringify(value) ?? ''
  const bytes = Buffer.from(text)
  return fc.oneof(
    { weight: 6, arbitrary: fc.constant(bytes) },
    fc.nat({ max: bytes.length }).map((end) => bytes.subarray(0, end)),
    fc
      .tuple(fc.nat({ max: Math.max(0, bytes.length - 1) }), fc.constantFrom(0, 0x80, 0xc0, 0xff, 0x22, 0x7b))
      .map(([at, byte]) => Buffer.concat([bytes.subarray(0, at), Buffer.of(byte), bytes.subarray(at + 1)])),
    fc.constant(Buffer.from(text.replace(/^\{("[^"]*":)/, '{$1null,$1'))),
    fc.constant(Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), bytes])),
    fc.constant(Buffer.from(`[${text},${text},7]`)),
    fc.uint8Array({ maxLength: 64 }).map((random) => Buffer.from(random)),
  )
}

interface Place {
  readonly parent: object | undefined
  readonly key: string
  readonly value: unknown
}

function placesIn(value: unknown, parent?: object, key = ''): Place[] {
  const here = { parent, key, value }
  // Below the deep one there is nothing new.
  if (!isObject(value) || Array.isArray(value)) return [here]
  return [here, ...Object.entries(value).flatMap(([name, member]) => placesIn(member, value, name))]
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Also `__proto__` becomes a member of its own, as `JSON.parse` makes it. */
function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
}

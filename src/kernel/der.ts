/** One element of a DER encoding (X.690): its tag byte, what it holds, and the whole of it. */
export interface DerElement {
  readonly tag: number
  readonly content: Buffer
  readonly whole: Buffer
}

/** The tag bytes that certificates and certificate requests are made of. */
export const derTags = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
} as const

const LENGTH_BYTES_MAX = 4

/** @returns the elements that fill the bytes exactly, or undefined when they are no DER */
export function readDer(bytes: Buffer): readonly DerElement[] | undefined {
  const elements: DerElement[] = []
  let offset = 0
  while (offset < bytes.length) {
    const element = elementAt(bytes, offset)
    if (element === undefined) return undefined
    elements.push(element)
    offset += element.whole.length
  }
  return elements
}

/** @returns the one element that fills the bytes exactly, if it has that tag */
export function readDerElement(bytes: Buffer, tag: number): DerElement | undefined {
  const [element, ...rest] = readDer(bytes) ?? []
  return rest.length === 0 && element?.tag === tag ? element : undefined
}

/** @returns the element of that tag with these contents one after another */
export function writeDer(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  return Buffer.concat([Buffer.of(tag), lengthBytes(content.length), content])
}

/** @param dotted for example `2.5.29.17` */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return writeDer(derTags.objectIdentifier, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

/** A context-specific tag, primitive unless it is said otherwise. */
export function contextTag(number: number, form: 'primitive' | 'constructed' = 'primitive'): number {
  return (form === 'constructed' ? 0xa0 : 0x80) + number
}

function elementAt(bytes: Buffer, offset: number): DerElement | undefined {
  const tag = bytes[offset]
  const first = bytes[offset + 1]
  // A tag of several bytes occurs in no structure that is read here.
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined
  const lengthBytesCount = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || lengthBytesCount > LENGTH_BYTES_MAX) return undefined
  const start = offset + 2 + lengthBytesCount
  if (start > bytes.length) return undefined
  const length = lengthBytesCount === 0 ? first : bytes.readUIntBE(offset + 2, lengthBytesCount)
  if (start + length > bytes.length) return undefined
  return { tag, content: bytes.subarray(start, start + length), whole: bytes.subarray(offset, start + length) }
}

function lengthBytes(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length)
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return Buffer.from([0x80 + bytes.length, ...bytes])
}

function base128(value: number): number[] {
  const bytes = [value % 128]
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift((rest % 128) + 128)
  return bytes
}

import { thrownText } from './bundle-problem.ts'
import { err, ok, type Result } from '../kernel/result.ts'

/** Deeper documents are refused: whoever reads them recursively would run out of stack. */
const DEPTH_MAX = 128

/**
 * A JSON document in the one form whose bytes OPA hashes: members sorted by the bytes of their names (the last of equal
 * names counts), no white space, texts as Go's encoding/json writes them, numbers exactly as they stand in the document.
 * @returns the form, or why the text is not JSON
 */
export function goJson(text: string): Result<string, string> {
  try {
    // It says whether the text is JSON; the tokens below are taken from valid JSON only.
    JSON.parse(text)
    return ok(new Reader(text).document())
  } catch (error) {
    return err(thrownText(error))
  }
}

const token = /\s*("(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+)/suy

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): string {
    return this.#value(this.#next(), 0)
  }

  #next(): string {
    token.lastIndex = this.#at
    const [whole = '', found = ''] = token.exec(this.#text) ?? []
    this.#at += whole.length
    return found
  }

  #value(first: string, depth: number): string {
    if (depth > DEPTH_MAX) throw new RangeError(`nested deeper than ${DEPTH_MAX}`)
    if (first === '{') return this.#object(depth)
    if (first === '[') return this.#array(depth)
    return first.startsWith('"') ? goText(first) : first
  }

  #array(depth: number): string {
    const items: string[] = []
    for (let found = this.#next(); found !== ']'; found = this.#next())
      if (found !== ',') items.push(this.#value(found, depth + 1))
    return `[${items.join(',')}]`
  }

  #object(depth: number): string {
    const members = new Map<string, string>()
    for (let found = this.#next(); found !== '}'; found = this.#next()) {
      if (found === ',') continue
      this.#next()
      members.set(goText(found), this.#value(this.#next(), depth + 1))
    }
    // By the bytes of the name itself, so that an escape sorts as the character it stands for.
    const sorted = [...members].map(([name, value]) => ({ bytes: Buffer.from(textIn(name)), pair: `${name}:${value}` }))
    sorted.sort((one, other) => Buffer.compare(one.bytes, other.bytes))
    return `{${sorted.map(({ pair }) => pair).join(',')}}`
  }
}

function textIn(literal: string): string {
  const text: unknown = JSON.parse(literal)
  return typeof text === 'string' ? text.toWellFormed() : ''
}

/** As JSON.stringify, but that Go escapes the two line separators; lone surrogates are U+FFFD to Go. */
function goText(literal: string): string {
  return JSON.stringify(textIn(literal)).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}

import { expect, test } from 'vitest'
import { linesOf } from '../../../src/kernel/lines.ts'

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

test.each([1, 2, 3, 1000])(
  'lines end at line feeds alone, in whatever pieces of %s bytes their text comes',
  async (size) => {
    const lines = ['{"a":"\u2028"}', '', '\u2029 ✓ 𝄞\r', 'no end']
    const found: string[] = []
    for await (const line of linesOf(inPieces(Buffer.from(lines.join('\n')), size))) found.push(line)
    expect(found).toEqual(lines)
  },
)

/**
 * The lines of a text that comes in pieces, without their ends. Not by `node:readline`: from Node.js 24 on it also ends
 * lines at U+2028 and U+2029, which stand in JSON as they are (RFC 8259, section 7).
 */
export async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const piece of pieces) {
    const lines = `${rest}${decoder.decode(piece, { stream: true })}`.split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  rest += decoder.decode()
  if (rest !== '') yield rest
}

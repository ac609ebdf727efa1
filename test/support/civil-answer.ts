import { expect } from 'vitest'
import type { RawAnswer } from './raw-http.ts'

/** Words of a stack, of a driver, or of a path on our machine. */
const INSIDES = /\bat [\w.<>]+ \(|node_modules|node:internal|\/src\/|\/dist\/|TypeError|RangeError|SELECT |\bknex\b/

/** An answer that anybody can read, whatever the request: no 5xx, nothing of our insides, and an error in a known form. */
export function expectCivil(answer: RawAnswer): void {
  const said = `${answer.status} ${answer.text.slice(0, 400)}`
  expect(answer.status, said).toBeLessThan(500)
  expect(answer.text, said).not.toMatch(INSIDES)
  if (answer.text === '') {
    expect([200, 202, 204], said).toContain(answer.status)
    return
  }
  for (const message of messagesOf(answer.text)) {
    if (answer.status >= 400) expect(message, said).toMatchObject({ error: { message: expect.any(String) } })
    if (!('error' in message)) continue
    const { code }: { code?: unknown } = Object(message.error)
    // A number in JSON-RPC, a word of the table of faults in REST.
    expect('jsonrpc' in message ? Number.isInteger(code) : /^[A-Z_]+$/.test(String(code)), said).toBe(true)
    expect(code, said).not.toBe(-32603)
  }
}

function messagesOf(text: string): readonly object[] {
  const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => data)
  return (events.length > 0 ? events : [text]).flatMap((json): object[] => [JSON.parse(json)].flat())
}

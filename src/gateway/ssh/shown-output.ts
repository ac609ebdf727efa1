import { plainText } from '../../kernel/bounded-text.ts'

// Sequences of ECMA-48 (CSI, and strings such as OSC and DCS), and two-character escapes.
const CONTROL_SEQUENCES = [
  /\u001b[[\u009b][0-?]*[ -/]*[@-~]/gu,
  /\u001b[\]PX^_][^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?/gu,
  /\u001b[ -/]*[0-~]/gu,
]

/** What a command printed, as text that moves no cursor, hides nothing and speaks to no terminal. */
export function shownOutput(bytes: Buffer): string {
  const text = CONTROL_SEQUENCES.reduce((rest, sequence) => rest.replace(sequence, ''), bytes.toString('utf8'))
  return plainText(text.replaceAll('\r\n', '\n'))
}

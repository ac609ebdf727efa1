import type { Json } from '../kernel/canonical-json.ts'
import { withoutBearers } from '../kernel/redact.ts'
import type { Tool } from './tool.ts'

/** What is remembered, in bytes of UTF-8, which is no less than it takes in memory. The oldest goes first. */
export const releasedBounds = {
  valuesPerSessionMax: 32,
  /** Four values of the largest size. */
  bytesPerSessionMax: 256 * 1024,
  sessionsMax: 1024,
  bytesMax: 16 * 1024 * 1024,
} as const

/** Shorter values would blank ordinary words. */
const VALUE_CHARACTERS_MIN = 8
const REDACTED = '[redacted]'

/** Where a result holds a value, by the action that releases it. */
const released: ReadonlyMap<string, string> = new Map([
  ['secret.read', 'value'],
  ['certificate.read_key', 'privateKey'],
])

/**
 * Remembers, in memory only, the secret values released in each session, and blanks them in text the agent writes
 * (members marked `x-agent-text`) before the policy input is built. A seat belt against pasting a value into a note or
 * a reason: best effort, since an agent can always disguise what it has read.
 */
export class ReleasedValues {
  readonly #sessions = new Map<string, { readonly values: readonly string[]; readonly bytes: number }>()
  #bytes = 0

  remember(sessionId: string, tool: Pick<Tool, 'action'>, result: { readonly [name: string]: Json }): void {
    const member = released.get(tool.action)
    const value = member && result[member]
    if (typeof value !== 'string' || value.length < VALUE_CHARACTERS_MIN) return
    const earlier = this.#valuesOf(sessionId).filter((other) => other !== value)
    this.forget(sessionId)
    const remembered = withinBounds([...earlier, value])
    this.#sessions.set(sessionId, remembered)
    this.#bytes += remembered.bytes
    for (const oldest of this.#sessions.keys()) {
      if (this.#bytes <= releasedBounds.bytesMax && this.#sessions.size <= releasedBounds.sessionsMax) return
      this.forget(oldest)
    }
  }

  /** Forgets what a session was given: it has ended, and no text of it will come. */
  forget(sessionId: string): void {
    this.#bytes -= this.#sessions.get(sessionId)?.bytes ?? 0
    this.#sessions.delete(sessionId)
  }

  /**
   * The arguments with every known form of a released value blanked in the members the tool marks as agent text, and
   * without members that are such a value by name or as a whole. Our own bearers are blanked wherever they stand.
   */
  redact(sessionId: string, tool: Pick<Tool, 'agentTextMembers'>, raw: unknown): unknown {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return raw
    const values = this.#valuesOf(sessionId)
    const members: [string, unknown][] = Object.entries(raw)
    return Object.fromEntries(
      members.map(([name, member]) => [
        blank(name, values, false),
        blankMember(member, values, tool.agentTextMembers.includes(name)),
      ]),
    )
  }

  /** Text that did not come from the agent, such as what a command printed, with every known form of a released value blanked. */
  blankIn(sessionId: string, text: string): string {
    return withoutBearers(blankValues(text, this.#valuesOf(sessionId)))
  }

  #valuesOf(sessionId: string): readonly string[] {
    return this.#sessions.get(sessionId)?.values ?? []
  }
}

/** The latest values that may be remembered for one session. */
function withinBounds(all: readonly string[]): { readonly values: readonly string[]; readonly bytes: number } {
  const values: string[] = []
  let bytes = 0
  for (const value of all.slice(-releasedBounds.valuesPerSessionMax).toReversed()) {
    const own = Buffer.byteLength(value)
    if (bytes + own > releasedBounds.bytesPerSessionMax) break
    bytes += own
    values.unshift(value)
  }
  return { values, bytes }
}

/** An object that is marked as agent text is so in all its texts. */
function blankMember(member: unknown, values: readonly string[], isAgentText: boolean): unknown {
  if (typeof member === 'string') return blank(member, values, isAgentText)
  if (!isAgentText || typeof member !== 'object' || member === null || Array.isArray(member)) return member
  return Object.fromEntries(Object.entries(member).map(([name, text]) => [name, blankMember(text, values, true)]))
}

/** In what is no free text, a value counts only as the whole: within a name it may be an ordinary word. */
function blank(text: string, values: readonly string[], isAgentText: boolean): string {
  if (isAgentText) return withoutBearers(blankValues(text, values))
  return values.includes(text) ? REDACTED : withoutBearers(text)
}

function blankValues(text: string, values: readonly string[]): string {
  let blanked = text
  for (const value of values) {
    for (const form of formsOf(value)) blanked = blanked.replaceAll(form, REDACTED)
  }
  return blanked
}

/** A value as it is pasted: plain, as JSON and in a URL, and in the encodings that tools print. */
function formsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value.toWellFormed())
  const [base64, hex] = [bytes.toString('base64'), bytes.toString('hex')]
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value.toWellFormed()),
    base64,
    base64.replace(/=+$/, ''),
    bytes.toString('base64url'),
    hex,
    hex.toUpperCase(),
  ]
}

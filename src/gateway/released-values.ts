import type { Json } from '../kernel/canonical-json.ts'
import { withoutBearers } from '../kernel/redact.ts'
import type { Tool } from './tool.ts'

const VALUES_PER_SESSION_MAX = 32
const SESSIONS_MAX = 1024
/** Shorter values would blank ordinary words. */
const VALUE_CHARACTERS_MIN = 8
const REDACTED = '[redacted]'

/**
 * Remembers, in memory only, the secret values released in each session, and blanks them in text the agent writes
 * (members marked `x-agent-text`) before the policy input is built. A seat belt against pasting a value into a note or
 * a reason: best effort, since an agent can always disguise what it has read.
 */
export class ReleasedValues {
  readonly #sessions = new Map<string, string[]>()

  remember(sessionId: string, tool: Pick<Tool, 'action'>, result: { readonly [name: string]: Json }): void {
    const value = result['value']
    if (tool.action !== 'secret.read' || typeof value !== 'string' || value.length < VALUE_CHARACTERS_MIN) return
    const values = this.#sessions.get(sessionId) ?? []
    this.#sessions.delete(sessionId)
    if (!values.includes(value)) values.push(value)
    this.#sessions.set(sessionId, values.slice(-VALUES_PER_SESSION_MAX))
    const oldest = this.#sessions.keys().next()
    if (this.#sessions.size > SESSIONS_MAX && oldest.done !== true) this.#sessions.delete(oldest.value)
  }

  /**
   * The arguments with every known form of a released value blanked in the members the tool marks as agent text, and
   * without members that are such a value by name or as a whole. Our own bearers are blanked wherever they stand.
   */
  redact(sessionId: string, tool: Pick<Tool, 'agentTextMembers'>, raw: unknown): unknown {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return raw
    const values = this.#sessions.get(sessionId) ?? []
    const members: [string, unknown][] = Object.entries(raw)
    return Object.fromEntries(
      members.map(([name, member]) => [
        blank(name, values, false),
        typeof member === 'string' ? blank(member, values, tool.agentTextMembers.includes(name)) : member,
      ]),
    )
  }
}

/** In what is no free text, a value counts only as the whole: within a name it may be an ordinary word. */
function blank(text: string, values: readonly string[], isAgentText: boolean): string {
  if (isAgentText) return withoutBearers(blankValues(text, values))
  return values.includes(text) ? REDACTED : withoutBearers(text)
}

function blankValues(text: string, values: readonly string[]): string {
  let blanked = text
  for (const value of values) {
    for (const form of [value, Buffer.from(value).toString('base64'), encodeURIComponent(value)]) {
      blanked = blanked.replaceAll(form, REDACTED)
    }
  }
  return blanked
}

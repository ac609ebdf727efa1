import { shortText } from '../../kernel/bounded-text.ts'
import { memberOf } from '../../kernel/json-members.ts'

/** Revisions that are agreed on by `initialize`, newest first: whoever asks for another is offered the first. */
export const handshakeRevisions: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26']
const NAME_CHARACTERS = 128
const META_PREFIX = 'io.modelcontextprotocol/'

/** What the gateway itself needs to know of a JSON-RPC message; the SDK checks the rest. */
export interface MessageFacts {
  /** `initialize` opens a handshake session; other handshake-era messages bring one; stateless ones need none. */
  readonly kind: 'initialize' | 'handshake' | 'stateless'
  readonly client: { readonly name: string; readonly version: string }
  readonly protocolVersion: string
}

/** Sorts a parsed body by protocol era (2026-07-28 carries its revision in `_meta`) and reads who the client says it is. */
export function messageFacts(body: unknown, protocolHeader: string | undefined): MessageFacts {
  const params = memberOf(body, 'params')
  const meta = memberOf(params, '_meta')
  const modern = text(memberOf(meta, `${META_PREFIX}protocolVersion`))
  if (modern !== '' || isModern(protocolHeader)) {
    return {
      kind: 'stateless',
      client: clientOf(memberOf(meta, `${META_PREFIX}clientInfo`)),
      protocolVersion: modern || (protocolHeader ?? ''),
    }
  }
  if (isInitialize(body)) {
    const asked = text(memberOf(params, 'protocolVersion'))
    const protocolVersion = handshakeRevisions.includes(asked) ? asked : (handshakeRevisions[0] ?? '')
    return { kind: 'initialize', client: clientOf(memberOf(params, 'clientInfo')), protocolVersion }
  }
  return { kind: 'handshake', client: { name: '', version: '' }, protocolVersion: protocolHeader ?? '' }
}

/** Whether a message is the handshake of the eras that have one. */
export function isInitialize(message: unknown): boolean {
  return memberOf(message, 'method') === 'initialize'
}

function isModern(protocolHeader: string | undefined): boolean {
  return protocolHeader !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(protocolHeader) && protocolHeader >= '2026-07-28'
}

function clientOf(info: unknown): MessageFacts['client'] {
  return { name: text(memberOf(info, 'name')), version: text(memberOf(info, 'version')) }
}

function text(value: unknown): string {
  return typeof value === 'string' ? shortText(value, NAME_CHARACTERS) : ''
}

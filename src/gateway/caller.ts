import type { Role } from '../kernel/vocabulary.ts'
import type { TokenStanding } from '../domain/tokens/token-standing.ts'
import type { LauncherFacts } from '../domain/audit/event.ts'

/** One request as the transport saw it. */
export interface RequestFacts {
  /** `req_…`; every answer, error and event carries it. */
  readonly id: string
  /** W3C trace context as the client sent it, or null. */
  readonly traceparent: string | null
  /** The real client address: `X-Forwarded-For` counts only behind a trusted proxy. */
  readonly clientIp: string
  /** The trusted proxy that the request came from; absent when the client itself was connected. */
  readonly forwardedBy?: string
}

/** An authenticated agent on one of its sessions. Made by `transport/mcp` alone, and valid for one request. */
export interface AgentCaller {
  readonly standing: TokenStanding
  /** The authority epoch under which `standing` was true. */
  readonly epoch: number
  readonly session: CallerSession
  readonly client: { readonly name: string; readonly version: string; readonly protocol: string }
  readonly request: RequestFacts
}

export interface CallerSession {
  readonly id: string
  readonly startedAtMs: number
  readonly launcher: LauncherFacts | null
}

/** An authenticated person, or the built-in service account. Made by `transport/rest` alone. */
export interface OperatorCaller {
  readonly kind: 'person' | 'service'
  readonly id: string
  /** A person's e-mail, a service's name. */
  readonly name: string
  readonly role: Role
  /** Names of groups; an admin has every group. */
  readonly groups: 'every' | readonly string[]
  /** Ids of all who minted the API key in use, or the key that it was minted with, and so on; none for a service. */
  readonly keyMinters?: readonly string[]
  readonly request: RequestFacts
}

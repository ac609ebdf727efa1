import type { Secret } from '../../kernel/secret.ts'

/** How a source is reached. */
export interface SourceAccess {
  /** `USER:PASSWORD`, or a bearer token. */
  readonly credential: Secret<string> | undefined
  /** Certificates (PEM) that its server is checked against. */
  readonly ca: string | undefined
  /** For one answer, besides what the server was asked to wait. */
  readonly timeoutMs: number
}

/** The header that shows a credential: Basic where it has two parts (RFC 7617), else Bearer (RFC 6750). */
export function authorizationOf(credential: Secret<string> | undefined): string | undefined {
  const text = credential?.expose()
  if (text === undefined) return undefined
  return text.includes(':') ? `Basic ${Buffer.from(text).toString('base64')}` : `Bearer ${text}`
}

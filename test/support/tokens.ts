import { rawHttp } from './raw-http.ts'
import type { TestGateway } from './test-gateway.ts'

export interface MintedToken {
  readonly id: string
  readonly value: string
  readonly expiresAt: string
}

/** Mints a token in group staging. */
export async function mint(
  { api }: Pick<TestGateway, 'api'>,
  agentId: string,
  more: { readonly [name: string]: unknown },
): Promise<MintedToken> {
  const created = await api.create('/tokens', { agentId, name: 'more', groups: ['staging'], ...more })
  const { token, value } = created as { readonly token: Omit<MintedToken, 'value'>; readonly value: string }
  return { id: token.id, value, expiresAt: token.expiresAt }
}

export async function statusOf({ api }: Pick<TestGateway, 'api'>, id: string): Promise<unknown> {
  return (await api.get(`/tokens/${id}`)).body['status']
}

export interface RotateAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly value: string
  readonly expiresAt: string
  readonly rotateAfter: string
  readonly error: { readonly code: string; readonly details?: object } | undefined
}

/** What a token's bearer does to get the next value. */
export async function rotate(
  { url }: Pick<TestGateway, 'url'>,
  bearer: string,
  more: Readonly<Record<string, string>> = {},
): Promise<RotateAnswer> {
  const headers = { authorization: `Bearer ${bearer}`, ...more }
  const answer = await rawHttp(url, { method: 'POST', path: '/rest/token/rotate', headers })
  return { ...JSON.parse(answer.text), status: answer.status, headers: answer.headers }
}

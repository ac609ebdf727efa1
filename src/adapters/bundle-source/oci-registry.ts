import { ok, type Result } from '../../kernel/result.ts'
import type { BundleProblem } from '../../policy/bundle-problem.ts'
import { boundedGet, type Getting, type Got, isPrivateWay, unavailable } from './bounded-get.ts'
import { authorizationOf, type SourceAccess } from './source-access.ts'

const TOKEN_BYTES_MAX = 64 * 1024

export interface Asking extends Pick<Getting, 'bytesMax' | 'from' | 'signal'> {
  readonly accept: string
}

/** One repository of a registry. */
export interface Registry {
  readonly url: URL
  /** @param path below the repository's own, such as `manifests/latest` */
  get(path: string, asking: Asking): Promise<Result<Got, BundleProblem>>
}

/**
 * Asks without a credential, and with what the registry asks for once it answers 401: the credential itself (Basic), or
 * a token that is fetched where the registry says (Bearer), as registries do it since Docker's.
 */
export function openRegistry(url: URL, repository: string, access: SourceAccess): Registry {
  let authorization: string | undefined
  const ask = (path: string, { accept, ...rest }: Asking) =>
    boundedGet(new URL(`/v2/${repository}/${path}`, url), {
      headers: { accept, ...(authorization === undefined ? {} : { authorization }) },
      timeoutMs: access.timeoutMs,
      ca: access.ca,
      ...rest,
    })
  return {
    url,
    async get(path, asking) {
      const first = await ask(path, asking)
      if (!first.ok || first.value.status !== 401) return first
      authorization = undefined
      const granted = await answerTo(first.value.headers['www-authenticate'] ?? '', asking.signal)
      if (!granted.ok) return granted
      authorization = granted.value
      return ask(path, asking)
    },
  }

  async function answerTo(challenge: string, signal: AbortSignal): Promise<Result<string, BundleProblem>> {
    const own = authorizationOf(access.credential)
    if (!/^bearer\s/i.test(challenge))
      return own === undefined ? unavailable(url, 'it asks for a credential; set policy.sourceCredential') : ok(own)
    const { realm = '', service } = parametersOf(challenge)
    if (!URL.canParse(realm) || !isPrivateWay(new URL(realm), url))
      return unavailable(url, 'it names no safe place to get a token')
    const place = new URL(realm)
    place.searchParams.set('scope', `repository:${repository}:pull`)
    if (service !== undefined) place.searchParams.set('service', service)
    const headers: Record<string, string> = own === undefined ? {} : { authorization: own }
    const { timeoutMs, ca } = access
    const from = 'same-origin'
    const got = await boundedGet(place, { headers, bytesMax: TOKEN_BYTES_MAX, timeoutMs, ca, from, signal })
    if (!got.ok) return got
    const token = got.value.status === 200 ? tokenIn(got.value.bytes) : undefined
    return token === undefined
      ? unavailable(place, `it gave no token (${got.value.status}); look at policy.sourceCredential`)
      : ok(`Bearer ${token}`)
  }
}

/** The parameters of a challenge (RFC 9110, section 11.6.1). */
function parametersOf(challenge: string): Partial<Record<string, string>> {
  const pairs = challenge.matchAll(/([a-z_]+)="([^"\\]*)"/gi)
  return Object.fromEntries([...pairs].map(([, name = '', value = '']) => [name.toLowerCase(), value]))
}

function tokenIn(bytes: Uint8Array): string | undefined {
  try {
    const answer: unknown = JSON.parse(Buffer.from(bytes).toString())
    if (typeof answer !== 'object' || answer === null) return undefined
    const token = 'token' in answer ? answer.token : 'access_token' in answer ? answer.access_token : undefined
    return typeof token === 'string' && /^[\w.~+/=-]+$/.test(token) ? token : undefined
  } catch {
    return undefined
  }
}

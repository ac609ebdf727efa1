import { type IncomingHttpHeaders, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isLoopback } from '../../kernel/loopback.ts'
import { ok, type Result } from '../../kernel/result.ts'
import { type BundleProblem, refused } from '../../policy/bundle-problem.ts'

const REDIRECTS_MAX = 3

export interface Got {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
}

export interface Getting {
  readonly headers: Readonly<Record<string, string>>
  /** A longer answer is not read to its end. */
  readonly bytesMax: number
  /** For the whole of it. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Certificates (PEM) that servers are checked against, in place of those of the system. */
  readonly ca?: string | undefined
  /** What is checked by a digest may come from another origin, which gets no credential; nothing else may. */
  readonly from: 'same-origin' | 'anywhere'
}

/** GET over TLS, in the clear to loopback only. Problems quote nothing that was sent or received. */
export async function boundedGet(url: URL, getting: Getting): Promise<Result<Got, BundleProblem>> {
  const signal = AbortSignal.any([getting.signal, AbortSignal.timeout(getting.timeoutMs)])
  let place = url
  for (let hops = 0; hops <= REDIRECTS_MAX; hops++) {
    if (!isPrivateWay(place, url)) return unavailable(url, 'its way is neither https nor within this machine')
    const headers = place.origin === url.origin ? getting.headers : {}
    const got = await get(place, { ...getting, headers, signal }).catch((error: unknown) =>
      unavailable(url, signal.aborted ? 'it gives no answer in time' : `it cannot be reached (${codeOf(error)})`),
    )
    const to = got.ok && isRedirect(got.value.status) ? got.value.headers.location : undefined
    if (to === undefined) return got
    if (!URL.canParse(to, place.href)) return unavailable(url, 'it redirects to no URL')
    place = new URL(to, place)
    if (getting.from === 'same-origin' && place.origin !== url.origin)
      return unavailable(url, 'it redirects to another origin')
  }
  return unavailable(url, 'it redirects in circles')
}

/** True where nobody listens in between, and no other machine sends us to our own. @param by who says where to go */
export function isPrivateWay(place: URL, by: URL): boolean {
  if (isHere(place)) return isHere(by) && /^https?:$/.test(place.protocol)
  return place.protocol === 'https:'
}

/** Whether what is sent there stays on this machine. */
export function isHere({ hostname }: URL): boolean {
  return isLoopback(hostname.replace(/^\[|\]$/g, ''))
}

export function unavailable(url: URL, detail: string) {
  return refused('BUNDLE_SOURCE_UNAVAILABLE', `${url.origin}: ${detail}`)
}

function get(place: URL, { headers, bytesMax, ca, signal }: Getting): Promise<Result<Got, BundleProblem>> {
  return new Promise((resolve, reject) => {
    const settings = { headers: { 'user-agent': 'certlocker', ...headers }, signal, agent: false } as const
    const sent =
      place.protocol === 'https:'
        ? httpsRequest(place, ca === undefined ? settings : { ...settings, ca })
        : httpRequest(place, settings)
    sent.on('error', reject)
    sent.on('response', (response) => {
      bytesOf(response, bytesMax).then((bytes) => {
        const { statusCode: status = 0, headers: said } = response
        if (bytes === undefined) sent.destroy()
        resolve(
          bytes === undefined
            ? refused('BUNDLE_TOO_LARGE', `${place.origin} answered with more than ${bytesMax} bytes`)
            : ok({ status, headers: said, bytes }),
        )
      }, reject)
    })
    sent.end()
  })
}

/** @returns undefined when there are more */
async function bytesOf(response: IncomingMessage, bytesMax: number): Promise<Buffer | undefined> {
  if (Number(response.headers['content-length'] ?? 0) > bytesMax) return undefined
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bytesMax) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function isRedirect(status: number): boolean {
  return status >= 301 && status <= 308 && status !== 304
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'no answer'
}

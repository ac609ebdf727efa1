import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Secret } from '../../kernel/secret.ts'

const ANSWER_MS_MAX = 10_000
const zipped = promisify(gzip)

/** Where reports go. */
export interface ReportPlace {
  readonly url: string
  /** `USER:PASSWORD`, or a bearer token. */
  readonly credential: Secret<string> | undefined
}

/** POSTs JSON, gzipped as OPA does it. @returns undefined once it is taken, else why not, in nobody else's words */
export async function postReport(
  { url, credential }: ReportPlace,
  json: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const shown = credential?.expose()
  const scheme = shown?.includes(':') === true ? `Basic ${Buffer.from(shown).toString('base64')}` : `Bearer ${shown}`
  try {
    const { ok, status, body } = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      signal: AbortSignal.any([AbortSignal.timeout(ANSWER_MS_MAX), signal]),
      headers: {
        'content-type': 'application/json',
        'content-encoding': 'gzip',
        ...(shown === undefined ? {} : { authorization: scheme }),
      },
      body: new Uint8Array(await zipped(json)),
    })
    await body?.cancel()
    return ok ? undefined : `answered ${status}`
  } catch (error) {
    return `not reached (${error instanceof Error ? error.name : 'unknown'})`
  }
}

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

/** JSON as it goes over the wire. */
export interface Report {
  readonly body: string | Uint8Array<ArrayBuffer>
  readonly headers: Readonly<Record<string, string>>
}

/** OPA sends its status as it is. */
export function plain(json: string): Report {
  return { body: json, headers: {} }
}

/** OPA zips its decision logs. */
export async function gzipped(json: string): Promise<Report> {
  return { body: new Uint8Array(await zipped(json)), headers: { 'content-encoding': 'gzip' } }
}

/** POSTs a report. @returns undefined once it is taken, else why not, in nobody else's words */
export async function postReport(
  { url, credential }: ReportPlace,
  report: Report,
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
        ...report.headers,
        ...(shown === undefined ? {} : { authorization: scheme }),
      },
      body: report.body,
    })
    await body?.cancel()
    return ok ? undefined : `answered ${status}`
  } catch (error) {
    return `not reached (${error instanceof Error ? error.name : 'unknown'})`
  }
}

import type { IncomingMessage } from 'node:http'
import { unfitness } from '../../kernel/bounded-text.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'

/** 1 MiB. */
export const bodyBytesMax = 1_048_576

/** As `readJson`; BODY_INVALID also when the body holds a text or nesting beyond the bounds. */
export async function readJsonBody(req: IncomingMessage): Promise<Result<unknown, Fault>> {
  const body = await readJson(req)
  const reason = body.ok ? unfitness(body.value) : undefined
  return reason === undefined ? body : invalid(`The body is not accepted: ${reason}`)
}

/**
 * Reads and parses a JSON body without ever holding more than the bound.
 * @returns undefined for an empty body; BODY_TOO_LARGE past 1 MiB; BODY_INVALID, without quoting it, when it is not UTF-8 JSON
 * or is compressed
 */
export async function readJson(req: IncomingMessage): Promise<Result<unknown, Fault>> {
  const encoding = req.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') return invalid('The body must not be compressed')
  const bytes = await readBounded(req, bodyBytesMax)
  if (bytes === undefined)
    return err(fault('BODY_TOO_LARGE', { message: `The body is larger than ${bodyBytesMax} bytes` }))
  if (bytes.length === 0) return ok(undefined)
  if (!/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(req.headers['content-type'] ?? '')) {
    return invalid('The body must be JSON, sent with Content-Type: application/json')
  }
  return parse(bytes)
}

/** Reads a body as it is. @returns BODY_TOO_LARGE past the bound */
export async function readUpload(req: IncomingMessage, bytesMax: number): Promise<Result<Buffer, Fault>> {
  const bytes = await readBounded(req, bytesMax)
  return bytes === undefined
    ? err(fault('BODY_TOO_LARGE', { message: `The body is larger than ${bytesMax} bytes` }))
    : ok(bytes)
}

async function readBounded(req: IncomingMessage, bytesMax: number): Promise<Buffer | undefined> {
  if (Number(req.headers['content-length'] ?? 0) > bytesMax) return tooLarge(req)
  // Listeners, since an async iterator costs as much as parsing the usual body.
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let length = 0
    const onData = (part: Buffer): void => {
      parts.push(part)
      length += part.length
      if (length <= bytesMax) return
      req.off('data', onData)
      resolve(tooLarge(req))
    }
    req
      .on('data', onData)
      .once('end', () => resolve(Buffer.concat(parts)))
      .once('error', reject)
      .once('close', () => reject(new Error('the request ended before its body')))
  })
}

function tooLarge(req: IncomingMessage): undefined {
  // The rest is read and dropped, so that a client that is still sending sees the answer rather than a reset.
  req.resume()
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parse(bytes: Buffer): Result<unknown, Fault> {
  try {
    return ok(JSON.parse(utf8.decode(bytes)) as unknown)
  } catch {
    return invalid('The body is not valid JSON in UTF-8')
  }
}

function invalid(message: string): Result<never, Fault> {
  return err(fault('BODY_INVALID', { message }))
}

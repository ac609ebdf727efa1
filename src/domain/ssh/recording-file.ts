import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'

/** What a recording was when its connection closed. */
export interface RecordingSeal {
  /** Of the file, lower-case hex; `""` where there is none. */
  readonly sha256: string
  readonly bytes: number
}

export function recordingPath(directory: string, id: string): string {
  return join(directory, `${id}.cast.gz`)
}

/** @returns the seal of the file as it lies there, of no bytes where there is none. @throws when it cannot be read */
export async function sealOfFile(path: string): Promise<RecordingSeal> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      hash.update(chunk)
      bytes += chunk.length
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { sha256: '', bytes: 0 }
    throw error
  }
  return { sha256: hash.digest('hex'), bytes }
}

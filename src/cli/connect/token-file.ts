import { randomBytes } from 'node:crypto'
import { open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { syncDirectory, writeDurably } from '../../kernel/private-file.ts'
import { ConnectError, type Note, type TokenSource } from './token-source.ts'

const LOCK_POLL_MS = 50
/** Longer than any step under the lock takes, so that only a killed bridge leaves one that old. */
const LOCK_MS_MAX = 60_000
const OTHERS = 0o077

/** A token in a file, to which its successors are written: atomically, readable for its owner alone. */
export function tokenFile(path: string, note: Note): TokenSource {
  const place = `the file ${path}`
  let unsaved: string | undefined
  let warned = false
  return {
    place,
    async read() {
      if (unsaved !== undefined) return unsaved
      const text = await readFile(path, 'utf8').catch((error: unknown) => {
        throw new ConnectError(`${place} cannot be read (${codeOf(error)}): write the MCP token there, with mode 600`)
      })
      if (!warned && process.platform !== 'win32' && ((await stat(path)).mode & OTHERS) !== 0) {
        note(`${place} can be read by others than its owner: chmod 600 ${path}`)
        warned = true
      }
      return text.trim()
    },
    async keep(successor) {
      try {
        await replace(await realpath(path), `${successor}\n`)
        unsaved = undefined
      } catch (error) {
        unsaved = successor
        note(
          `the token was rotated, but its successor cannot be written to ${place} (${codeOf(error)}) and ends with this process: make the file and its directory writable`,
        )
      }
    },
    exclusively: (step) => locked(`${path}.lock`, step),
  }
}

async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await writeDurably(temporary, text, 'wx')
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
  await syncDirectory(dirname(path))
}

/** Two bridges that rotate one token at once would look like a thief: the gateway would revoke it. */
async function locked<T>(lock: string, step: () => Promise<T>): Promise<T> {
  const isOurs = await take(lock)
  try {
    return await step()
  } finally {
    if (isOurs) await rm(lock, { force: true })
  }
}

/** @returns false when no lock can be made there; a file that cannot be locked cannot be written either */
async function take(lock: string): Promise<boolean> {
  for (;;) {
    try {
      await (await open(lock, 'wx', 0o600)).close()
      return true
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') return false
      const taken = await stat(lock).catch(() => undefined)
      if (taken !== undefined && Date.now() - taken.mtimeMs > LOCK_MS_MAX) await rm(lock, { force: true })
      await delay(LOCK_POLL_MS)
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}

import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Fault, fault } from './fault.ts'
import { err, ok, type Result } from './result.ts'

const OTHERS = 0o077
const ROOT = 0

/**
 * @returns the text of a file that only its owner can get at, undefined when there is none, or CONFIGURATION_INVALID:
 * what is wrong with the file or its directory, and how to mend it
 */
export async function readPrivateFile(path: string): Promise<Result<string | undefined, Fault>> {
  try {
    const problem = (await accessProblem(dirname(path), 'chmod 700')) ?? (await privateFileProblem(path))
    if (problem !== undefined) return err(fileFault(problem))
    return ok(await readFile(path, 'utf8'))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return ok(undefined)
    return err(fileFault(`${path} cannot be read (${codeOf(error)})`, error))
  }
}

/**
 * @returns why others could read or exchange a file that holds a key, and how to mend it; undefined when only this user
 * and root can
 * @throws the error of the file system when the file cannot be looked at
 */
export async function privateFileProblem(path: string): Promise<string | undefined> {
  return accessProblem(path, 'chmod 600')
}

async function accessProblem(place: string, remedy: string): Promise<string | undefined> {
  const { mode, uid } = await stat(place)
  const self = process.getuid?.()
  if (self !== undefined && uid !== self && uid !== ROOT)
    return `${place} belongs to another user (uid ${uid}): make it this user's (uid ${self}) or root's with chown`
  return (mode & OTHERS) === 0 ? undefined : `${place} can be used by others than its owner: ${remedy} ${place}`
}

/**
 * Creates a file (0600, in a directory of 0700) in one step and durably.
 * @returns the text that the file has now: another process may have created it first
 */
export async function createPrivateFile(path: string, text: string): Promise<Result<string | undefined, Fault>> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeDurably(temporary, text, 'wx')
    await link(temporary, path)
    await syncDirectory(dirname(path))
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') return err(fileFault(`${path} cannot be created (${codeOf(error)})`, error))
  } finally {
    await rm(temporary, { force: true })
  }
  return readPrivateFile(path)
}

/** Writes a file (0600) and waits until it is on disk. */
export async function writeDurably(path: string, text: string, flags: 'w' | 'wx' | 'a' = 'w'): Promise<void> {
  const file = await open(path, flags, 0o600)
  try {
    await file.writeFile(text)
    await file.datasync()
  } finally {
    await file.close()
  }
}

/** Makes names that were created or moved in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function fileFault(message: string, cause?: unknown): Fault {
  return fault('CONFIGURATION_INVALID', { message, cause })
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}

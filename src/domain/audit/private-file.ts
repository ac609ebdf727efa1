import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { auditFault } from './audit-fault.ts'

const OTHERS = 0o077

/** @returns the text of a file that only its owner may touch, undefined when there is none, or what is wrong with it */
export async function readPrivateFile(path: string): Promise<Result<string | undefined, Fault>> {
  try {
    const { mode } = await stat(path)
    if ((mode & OTHERS) !== 0) return err(auditFault(`${path} can be used by others than its owner: chmod 600 ${path}`))
    return ok(await readFile(path, 'utf8'))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return ok(undefined)
    return err(auditFault(`${path} cannot be read (${codeOf(error)})`, error))
  }
}

/**
 * Creates a file (0600, in a directory of 0700) in one step and durably.
 * @returns the text that the file has now: another process may have created it first
 */
export async function createPrivateFile(path: string, text: string): Promise<Result<string | undefined, Fault>> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeDurably(temporary, text)
    await link(temporary, path)
    await syncDirectory(dirname(path))
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') return err(auditFault(`${path} cannot be created (${codeOf(error)})`, error))
  } finally {
    await rm(temporary, { force: true })
  }
  return readPrivateFile(path)
}

/** Writes a file (0600) and waits until it is on disk. */
export async function writeDurably(path: string, text: string, flags: 'w' | 'a' = 'w'): Promise<void> {
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

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}

import { createHash, hkdfSync, randomBytes } from 'node:crypto'
import { chown, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Fault, fault } from '../../kernel/fault.ts'
import { createPrivateFile, readPrivateFile, syncDirectory, writeDurably } from '../../kernel/private-file.ts'
import { err, ok, type Result } from '../../kernel/result.ts'

const KEY_BYTES = 32

/** One of the secret keys that a deployment has had. */
export interface Generation {
  /** Tells which key it is, and nothing about it: `sha256:` and hex. */
  readonly fingerprint: string
  /** Wraps the key of each sealed value. */
  readonly keyEncryptionKey: Buffer
  /** A 256-bit key for another purpose (HKDF-SHA-256, RFC 5869, the label as info). */
  deriveKey(label: string): Buffer
  /** What stands in the key file: base64. */
  readonly line: string
}

/** At least one, the oldest first. */
export type Generations = readonly [Generation, ...Generation[]]

/**
 * @returns the generations in a key file, undefined when there is no such file, or CONFIGURATION_INVALID when it is open to
 * others or damaged
 */
export async function readKeyFile(path: string): Promise<Result<Generations | undefined, Fault>> {
  const text = await readPrivateFile(path)
  if (!text.ok) return text
  return text.value === undefined ? ok(undefined) : generationsIn(text.value, path)
}

/** Creates a key file with one generation. @returns what it holds now: another process may have created it first */
export async function createKeyFile(path: string): Promise<Result<Generations, Fault>> {
  const text = await createPrivateFile(path, textOf([newGeneration()]))
  return text.ok ? generationsIn(text.value ?? '', path) : text
}

/**
 * Exchanges a key file in one step and durably; it stays its owner's.
 * @returns what can be read from it now
 */
export async function replaceKeyFile(path: string, generations: Generations): Promise<Result<Generations, Fault>> {
  try {
    // A link is followed, so that the file lies where the operator put it.
    await exchange(await realpath(path), textOf(generations))
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error'
    return err(keyFault(`${path} cannot be replaced (${code}): let this user write to its directory`, cause))
  }
  const now = await readKeyFile(path)
  if (!now.ok) return now
  if (now.value !== undefined && textOf(now.value) === textOf(generations)) return ok(now.value)
  return err(keyFault(`${path} was changed by somebody else meanwhile: see what it holds, then try again`))
}

export function newGeneration(): Generation {
  return generationOf(randomBytes(KEY_BYTES))
}

export function keyFault(message: string, cause?: unknown): Fault {
  return fault('CONFIGURATION_INVALID', { message, cause })
}

async function exchange(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await writeDurably(temporary, text, 'wx')
    const [{ uid, gid }, made] = await Promise.all([stat(file), stat(temporary)])
    // Root may do this for the gateway's own user, who has to be able to read it afterwards.
    if (uid !== made.uid) await chown(temporary, uid, gid)
    await rename(temporary, file)
    await syncDirectory(dirname(file))
  } finally {
    await rm(temporary, { force: true })
  }
}

function generationsIn(text: string, path: string): Result<Generations, Fault> {
  const generations = text.trim().split('\n').map(parseLine)
  const [first, ...others] = generations.filter((each) => each !== undefined)
  const isWhole = new Set(generations.map((each) => each?.line)).size === generations.length
  if (first !== undefined && others.length + 1 === generations.length && isWhole) return ok([first, ...others])
  return err(keyFault(`${path} does not hold a key: 32 bytes in base64, on one line for each generation`))
}

function parseLine(line: string): Generation | undefined {
  const master = Buffer.from(line, 'base64')
  return master.length === KEY_BYTES && master.toString('base64') === line.trim() ? generationOf(master) : undefined
}

function generationOf(master: Buffer): Generation {
  const deriveKey = (label: string) => Buffer.from(hkdfSync('sha256', master, '', `certlocker/v1/${label}`, KEY_BYTES))
  return {
    fingerprint: `sha256:${createHash('sha256').update(deriveKey('fingerprint')).digest('hex')}`,
    keyEncryptionKey: deriveKey('sealed-box key encryption'),
    deriveKey,
    line: master.toString('base64'),
  }
}

function textOf(generations: Generations): string {
  return generations.map(({ line }) => `${line}\n`).join('')
}

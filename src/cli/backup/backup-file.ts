import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { syncDirectory } from '../../kernel/private-file.ts'
import { CliError, exitCodes } from '../cli-error.ts'

const LINE_BYTES_MAX = 64 * 1024 * 1024
const MANIFEST = '{"manifest":'

/** The last line of a backup: what is in it, and the SHA-256 over every line before. */
export interface Manifest {
  /** Rows, by table. */
  readonly tables: Readonly<Record<string, number>>
  /** Lower-case hex, over the lines with their line ends. */
  readonly sha256: string
}

/**
 * Writes lines of JSON, gzipped, and the manifest behind them. The file (0600) appears under its name when it is whole and
 * on disk; one that is there is not replaced.
 */
export async function writeBackupFile(path: string, lines: AsyncIterable<string>): Promise<Manifest> {
  const temporary = `${path}.${process.pid}.part`
  const tally = new Tally()
  async function* text(): AsyncGenerator<string> {
    for await (const line of lines) yield `${tally.take(line)}\n`
    yield `${MANIFEST}${JSON.stringify(tally.manifest())}}\n`
  }
  try {
    // Opened before anything is read, so that nothing is when it cannot be.
    const file = await open(temporary, 'wx', 0o600)
    await pipeline(Readable.from(text()), createGzip(), file.createWriteStream({ flush: true }))
    await link(temporary, path)
    await syncDirectory(dirname(path))
  } catch (error) {
    throw isSystemError(error) ? new CliError(exitCodes.failed, notWritten(path, error), error) : error
  } finally {
    await rm(temporary, { force: true })
  }
  return tally.manifest()
}

/**
 * The lines of a backup without the manifest. Whoever reads them to their end knows that they are what was written.
 * @throws CliError with exit code 1 when the file cannot be read, is cut short, or is not what its manifest says
 */
export async function* readBackupFile(path: string): AsyncGenerator<string, Manifest> {
  const tally = new Tally()
  try {
    for await (const line of linesOf(unzipped(path))) {
      if (!line.startsWith(MANIFEST)) {
        yield tally.take(line)
        continue
      }
      const { manifest }: { readonly manifest: Manifest } = JSON.parse(line)
      if (manifest.sha256 !== tally.manifest().sha256) throw damaged(path)
      return manifest
    }
  } catch (error) {
    if (error instanceof CliError || !(isSystemError(error) || error instanceof SyntaxError)) throw error
    throw error.name !== 'SyntaxError' && 'path' in error
      ? new CliError(exitCodes.failed, `${path} cannot be read (${error.message})`, error)
      : damaged(path, error)
  }
  throw damaged(path)
}

class Tally {
  readonly #hash: Hash = createHash('sha256')
  readonly #tables: Record<string, number> = {}

  take(line: string): string {
    this.#hash.update(line).update('\n')
    const [, table] = /^\["([^"\\]+)",/.exec(line) ?? []
    if (table !== undefined) this.#tables[table] = (this.#tables[table] ?? 0) + 1
    return line
  }

  manifest(): Manifest {
    return { tables: { ...this.#tables }, sha256: this.#hash.copy().digest('hex') }
  }
}

function unzipped(path: string): AsyncIterable<Buffer> {
  const source = createReadStream(path)
  const target = createGunzip()
  source.on('error', (error) => target.destroy(error))
  target.on('close', () => source.destroy())
  return source.pipe(target)
}

async function* linesOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let begun: Buffer[] = []
  let length = 0
  for await (const chunk of bytes) {
    let rest = chunk
    for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n')) {
      yield Buffer.concat([...begun, rest.subarray(0, end)]).toString()
      begun = []
      length = 0
      rest = rest.subarray(end + 1)
    }
    begun.push(rest)
    length += rest.length
    if (length > LINE_BYTES_MAX) throw new SyntaxError('a line is too long')
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && 'errno' in error
}

function notWritten(path: string, { code, message }: NodeJS.ErrnoException): string {
  return code === 'EEXIST'
    ? `${path} exists: a backup replaces no file, name another one`
    : `${path} was not written (${message})`
}

function damaged(path: string, cause?: unknown): CliError {
  return new CliError(
    exitCodes.failed,
    `${path} is no whole backup: it was cut short or changed, or is something else. Nothing was restored; take another copy`,
    cause,
  )
}

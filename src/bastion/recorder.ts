import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { promisify } from 'node:util'
import { constants, createGzip, type Gzip } from 'node:zlib'
import type { RecordingSeal } from '../domain/ssh/recording-file.ts'

/** How soon what was recorded is on its way to the disk, so that a killed bastion loses no more than this. */
const FLUSH_MS = 1_000

export interface RecordingHeader {
  readonly title: string
  readonly command: string
  readonly startedAtMs: number
  readonly terminal: { readonly type: string; readonly columns: number; readonly rows: number }
}

/** asciicast v3: output, input, resize, marker, exit. */
type EventCode = 'o' | 'i' | 'r' | 'm' | 'x'

/**
 * Records one connection as asciicast v3 (https://docs.asciinema.org/manual/asciicast/v3/), compressed. Nothing may go on
 * that is not recorded: every write waits for its turn, and rejects once the file can take no more.
 */
export class Recorder {
  readonly #path: string
  readonly #gzip: Gzip
  readonly #file: FileHandle
  readonly #hash = createHash('sha256')
  readonly #decoders = { o: new StringDecoder('utf8'), e: new StringDecoder('utf8'), i: new StringDecoder('utf8') }
  readonly #flusher: NodeJS.Timeout
  #written: Promise<void> = Promise.resolve()
  #bytes = 0
  #lastMs = performance.now()
  #failure: Error | undefined
  #isDirty = false
  /** Characters of what was recorded, before compression. */
  characters = 0

  private constructor(path: string, file: FileHandle) {
    this.#path = path
    this.#file = file
    this.#gzip = createGzip({ level: constants.Z_BEST_SPEED })
    this.#gzip.on('data', (chunk: Buffer) => this.#append(chunk))
    this.#gzip.on('error', (error) => this.#fail(error))
    this.#flusher = setInterval(() => {
      if (this.#isDirty) this.#gzip.flush(constants.Z_SYNC_FLUSH)
      this.#isDirty = false
    }, FLUSH_MS).unref()
  }

  /** Creates the file (0600, in a directory of 0700) and puts the header on disk. @throws the error of the file system */
  static async open(path: string, { title, command, startedAtMs, terminal }: RecordingHeader): Promise<Recorder> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const recorder = new Recorder(path, await open(path, 'a', 0o600))
    const term = { cols: terminal.columns, rows: terminal.rows, type: terminal.type }
    const header = { version: 3, term, timestamp: Math.floor(startedAtMs / 1000), title, command }
    try {
      await recorder.#line(JSON.stringify(header))
      await promisify((done: () => void) => recorder.#gzip.flush(constants.Z_SYNC_FLUSH, done))()
      await recorder.#written
      recorder.#throwFailure()
      return recorder
    } catch (error) {
      await recorder.discard()
      throw error
    }
  }

  /** What the host wrote (`e` to standard error), or the client. */
  async data(stream: 'o' | 'e' | 'i', chunk: Buffer): Promise<void> {
    const text = this.#decoders[stream].write(chunk)
    if (text !== '') await this.#event(stream === 'i' ? 'i' : 'o', text)
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#event('r', `${columns}x${rows}`)
  }

  /** Ends the recording. @returns what it is by now, on disk. @throws when it could not be written to its end */
  async seal(exit: string): Promise<RecordingSeal> {
    clearInterval(this.#flusher)
    try {
      await this.#end(exit)
      await this.#file.datasync()
    } finally {
      await this.#written
      await this.#file.close()
    }
    return { sha256: this.#hash.digest('hex'), bytes: this.#bytes }
  }

  async #end(exit: string): Promise<void> {
    for (const [stream, decoder] of Object.entries(this.#decoders)) {
      const rest = decoder.end()
      if (rest !== '') await this.#event(stream === 'i' ? 'i' : 'o', rest)
    }
    await this.#event('x', exit)
    const ended = once(this.#gzip, 'end')
    this.#gzip.end()
    await ended
    await this.#written
    this.#throwFailure()
  }

  /** Takes the recording back: nothing happened that is in it. */
  async discard(): Promise<void> {
    clearInterval(this.#flusher)
    this.#gzip.destroy()
    await this.#written
    await this.#file.close()
    await rm(this.#path, { force: true })
  }

  async #event(code: EventCode, text: string): Promise<void> {
    const nowMs = performance.now()
    const seconds = Math.max(0, nowMs - this.#lastMs) / 1000
    this.#lastMs = nowMs
    await this.#line(JSON.stringify([Number(seconds.toFixed(3)), code, text]))
  }

  async #line(text: string): Promise<void> {
    this.#throwFailure()
    this.characters += text.length
    this.#isDirty = true
    if (!this.#gzip.write(`${text}\n`)) await once(this.#gzip, 'drain')
    this.#throwFailure()
  }

  /** The compressor stands still meanwhile, and with it whoever has something to record. */
  #append(chunk: Buffer): void {
    this.#hash.update(chunk)
    this.#bytes += chunk.length
    this.#gzip.pause()
    this.#written = this.#file
      .appendFile(chunk)
      .catch((error: unknown) => this.#fail(error))
      .then(() => void this.#gzip.resume())
  }

  /** What was lost cannot be recorded later: from now on nothing can. */
  #fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error('the recording cannot be written', { cause: error })
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}

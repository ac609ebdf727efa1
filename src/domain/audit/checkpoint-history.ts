import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory, writeDurably } from '../../kernel/private-file.ts'

/** How many of the newest checkpoints are kept; the file may hold a tenth more before it is cut back. */
export const checkpointsKept = 10_000

/**
 * The copy of the signed checkpoints outside the database, in one file: whoever rewrites the database cannot rewrite what
 * was said about it. Signed notes, oldest first, each followed by an empty line.
 */
export class CheckpointHistory {
  readonly #path: string
  #count: number | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** The complete notes in the file. A note that a crash cut short is left out. */
  async notes(): Promise<string[]> {
    return parseNotes(await this.#text())
  }

  /** Adds a note; resolves when it is on disk. */
  async add(note: string): Promise<void> {
    this.#count ??= await this.#prepare()
    if (this.#count >= checkpointsKept * 1.1) this.#count = await this.#keepNewest(checkpointsKept)
    await writeDurably(this.#path, textOf([note]), 'a')
    if (this.#count === 0) await syncDirectory(dirname(this.#path))
    this.#count += 1
  }

  /** Begins a new history; the old one is kept beside it under a name with the time. */
  async setAside(at: Date): Promise<void> {
    await rename(this.#path, `${this.#path}.${at.toISOString().replaceAll(':', '')}`)
    await syncDirectory(dirname(this.#path))
    this.#count = undefined
  }

  /** @returns how many notes there are, after the remains of a crash were cut off */
  async #prepare(): Promise<number> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    const text = await this.#text()
    const notes = parseNotes(text)
    // A replica that shares the file may be adding to it: it is not rewritten without need.
    return text === textOf(notes) ? notes.length : this.#keepNewest(checkpointsKept)
  }

  async #keepNewest(max: number): Promise<number> {
    const notes = (await this.notes()).slice(-max)
    const temporary = `${this.#path}.${randomBytes(6).toString('hex')}`
    await writeDurably(temporary, textOf(notes))
    await rename(temporary, this.#path)
    await syncDirectory(dirname(this.#path))
    return notes.length
  }

  async #text(): Promise<string> {
    try {
      return await readFile(this.#path, 'utf8')
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
      throw error
    }
  }
}

function textOf(notes: readonly string[]): string {
  return notes.map((note) => `${note}\n`).join('')
}

function parseNotes(text: string): string[] {
  const blocks = text.split('\n\n')
  const notes: string[] = []
  for (let index = 0; index + 2 < blocks.length; index += 2) notes.push(`${blocks[index]}\n\n${blocks[index + 1]}\n`)
  return notes
}

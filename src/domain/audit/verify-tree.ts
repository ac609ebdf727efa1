import type { AuditKey } from './audit-key.ts'
import type { LogHead } from './audit-log.ts'
import { openCheckpoint } from './checkpoint.ts'
import type { StoredCheckpoint } from './checkpoint-store.ts'
import { emptyFrontier, type Frontier, pushLeaves, rootOf } from './merkle.ts'

/** Leaves are pushed together: each push copies the frontier. */
const PENDING_MAX = 256

/** Something that is wrong, and the first event it concerns. */
export interface Finding {
  readonly seq: number
  readonly problem: string
}

/** Rebuilds the tree from its leaves and holds it against every checkpoint on the way. */
export class VerifyTree {
  readonly #key: VerifyKey
  readonly #outside: ReadonlyMap<number, readonly string[]>
  #frontier: Frontier = emptyFrontier
  #pending: Buffer[] = []
  #sizeProven = 0

  /** @param outside the notes of the copy outside the database */
  constructor(key: VerifyKey, outside: readonly string[]) {
    this.#key = key
    this.#outside = bySize(outside)
  }

  get size(): number {
    return this.#pending.length + this.#frontier.size
  }

  /** True when the copy outside has a checkpoint of the present size. */
  get hasCopyHere(): boolean {
    return this.#outside.has(this.size)
  }

  push(leaf: Buffer): void {
    this.#pending.push(leaf)
    if (this.#pending.length === PENDING_MAX) this.#settle()
  }

  /** Holds the tree as it is now against the checkpoints of its size. */
  problemHere(stored: StoredCheckpoint | undefined): Finding | undefined {
    this.#settle()
    const { size } = this.#frontier
    const root = rootOf(this.#frontier)
    if (stored !== undefined && !this.#fits(stored, root))
      return this.#unproven(`the stored checkpoint of size ${size} does not fit`)
    const copies = this.#outside.get(size) ?? []
    if (copies.some((note) => note !== stored?.note && !this.#states(note, size, root))) {
      return this.#unproven(`the checkpoint of size ${size} outside the database does not fit`)
    }
    this.#sizeProven = size
    return undefined
  }

  /** Holds the whole tree against what else is known of the log's size and root. */
  problemAtEnd({ head, canGoOn, sizeSeen, strayCheckpoint }: EndFacts): Finding | undefined {
    this.#settle()
    if (!rootOf(this.#frontier).equals(head.root)) return this.#unproven('the events do not lead to the stored root')
    if (!canGoOn) return this.#unproven('the stored frontier does not lead to the stored root')
    const sizeOutside = Math.max(0, ...this.#outside.keys())
    if (sizeOutside > head.size) return missing(head.size, sizeOutside, 'as the checkpoints outside the database say')
    if (strayCheckpoint !== undefined) return missing(head.size, strayCheckpoint, 'as a stored checkpoint says')
    if (sizeSeen > head.size) return missing(head.size, sizeSeen, 'which this gateway saw committed')
    if ([...this.#outside.keys()].some((size) => !(size >= 1)))
      return this.#unproven('a checkpoint outside the database is malformed')
    return undefined
  }

  #settle(): void {
    this.#frontier = pushLeaves(this.#frontier, this.#pending)
    this.#pending = []
  }

  #fits({ note, root: storedRoot, frontier, keyId }: StoredCheckpoint, root: Buffer): boolean {
    const { size, peaks } = this.#frontier
    if (keyId !== this.#key.fingerprint || !storedRoot.equals(root) || !this.#states(note, size, root)) return false
    return Buffer.concat([...frontier.peaks]).equals(Buffer.concat([...peaks]))
  }

  #states(note: string, size: number, root: Buffer): boolean {
    const checkpoint = openCheckpoint(note, this.#key)
    return checkpoint !== undefined && checkpoint.size === size && checkpoint.root.equals(root)
  }

  #unproven(problem: string): Finding {
    return { seq: this.#sizeProven + 1, problem }
  }
}

function bySize(notes: readonly string[]): Map<number, string[]> {
  const sizes = new Map<number, string[]>()
  for (const note of notes) {
    const size = Number(note.split('\n')[1])
    sizes.set(size, [...(sizes.get(size) ?? []), note])
  }
  return sizes
}

type VerifyKey = Pick<AuditKey, 'origin' | 'publicKey' | 'fingerprint'>

interface EndFacts {
  readonly head: LogHead
  /** False when the stored frontier does not fit the head: nobody could append to it. */
  readonly canGoOn: boolean
  readonly sizeSeen: number
  /** Size of a stored checkpoint that lies outside the log. */
  readonly strayCheckpoint: number | undefined
}

function missing(size: number, sizeKnown: number, source: string): Finding {
  return { seq: size + 1, problem: `the log has ${size} events, but had ${sizeKnown}, ${source}` }
}

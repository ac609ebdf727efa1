import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Knex } from 'knex'
import type { Clock } from '../../kernel/clock.ts'
import { FaultError } from '../../kernel/fault.ts'
import {
  type AppendReply,
  type AppendRow,
  appendParameters,
  type Batch,
  buildBatch,
  readReply,
} from './append-batch.ts'
import { AppendConnection, type OpenConnection } from './append-connection.ts'
import { type AppendJob, AppendQueue, unavailable } from './append-queue.ts'
import type { AppendReceipt, AuditLog, AuditObserver, LogHead } from './audit-log.ts'
import type { AuditEvent, Entry } from './event.ts'
import { type PreparedEntry, prepareEntry } from './event-text.ts'
import { readLogFrontier, readLogHead } from './log-head.ts'
import type { Frontier } from './merkle.ts'

/** After so many refusals (others were faster) the flusher takes the log's lock first. */
const OPTIMISTIC_TRIES = 2
const TRIES_UNDER_LOCK = 2

const appendInSql = `SELECT * FROM audit_append(${Array.from({ length: appendParameters }, () => '?').join(', ')})`

export interface PostgresAuditLogDeps {
  readonly knex: Knex
  /** The flusher has a connection of its own, so that a busy pool never delays a call. */
  readonly openConnection: OpenConnection
  readonly clock: Clock
  readonly observers: readonly AuditObserver[]
}

type Append = (values: Batch['values']) => Promise<AppendReply>

interface WriteOptions {
  readonly advanceAuthority: boolean
  /** What this process had seen committed before it began to write. */
  readonly sizeSeen: number
  readonly tries: number
}

type Tried = AppendReply & { readonly batch: Batch }
type Written = Extract<Tried, { applied: true }>

/**
 * The tamper-evident log in PostgreSQL. Appends of this replica are committed in groups by one flusher, which guesses the
 * log's head and is told when another replica was faster. Any error rejects the group, forgets the guess and the
 * connection; the next append starts anew. A log that shrank below what this process saw committed takes no more appends.
 */
export class PostgresAuditLog implements AuditLog {
  readonly #deps: PostgresAuditLogDeps
  #connection: AppendConnection
  readonly #queue = new AppendQueue()
  #head: Frontier | undefined
  #committedSize = 0
  #flushing: Promise<void> | undefined
  #isClosed = false

  constructor(deps: PostgresAuditLogDeps) {
    this.#deps = deps
    this.#connection = new AppendConnection(deps.openConnection)
  }

  /** The largest size of the log that this process has seen committed. The log may never be shorter. */
  get committedSize(): number {
    return this.#committedSize
  }

  /** Events that wait to be appended by this replica. */
  get queueLength(): number {
    return this.#queue.length
  }

  async append(entries: readonly Entry[]): Promise<readonly AuditEvent[]> {
    const prepared = entries.map(prepareEntry)
    if (this.#isClosed) throw new FaultError(unavailable('the audit log is closed'))
    const events = this.#queue.add(prepared)
    this.#flushing ??= this.#flushAll()
    return events
  }

  async appendIn(
    trx: Knex.Transaction,
    entries: readonly Entry[],
    options: { advanceAuthority: boolean },
  ): Promise<AppendReceipt> {
    const prepared = entries.map(prepareEntry)
    const append: Append = async (values) =>
      readReply(firstRow(await trx.raw<{ rows: AppendRow[] }>(appendInSql, values)))
    const sizeSeen = this.#committedSize
    try {
      const before = this.#head ?? (await readHead(trx))
      // A refused try has locked the log for this transaction: the second one fits.
      const written = await this.#write(append, before, prepared, { ...options, sizeSeen, tries: TRIES_UNDER_LOCK })
      if (!written.applied) throw new Error('the log moved under its lock')
      return { events: written.batch.events, committed: () => this.#committed(written) }
    } catch (error) {
      throw new FaultError(unavailable(`append in a transaction: ${reasonOf(error)}`, error))
    }
  }

  /** Reads the present size and root from the database. */
  async head(): Promise<LogHead> {
    return readLogHead(this.#deps.knex)
  }

  /** Writes what is queued, then closes the connection. Later appends are refused. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#flushing
    this.#connection.drop()
  }

  async #flushAll(): Promise<void> {
    do {
      // Callers that were just answered, or arrive in this turn of the event loop, join the next group.
      await nextTurn()
      await this.#flush(this.#queue.take())
    } while (!this.#queue.isEmpty)
    this.#flushing = undefined
  }

  async #flush(jobs: readonly AppendJob[]): Promise<void> {
    const entries = jobs.flatMap((job) => job.entries)
    const timeoutMs = Math.min(...jobs.map((job) => job.deadlineMs)) - performance.now()
    let written: Written
    try {
      written = await within(timeoutMs, this.#writeBatch(entries))
    } catch (error) {
      this.#head = undefined
      this.#connection.drop()
      const rejection = new FaultError(unavailable(`append: ${reasonOf(error)}`, error))
      for (const job of jobs) job.reject(rejection)
      return
    }
    let start = 0
    for (const job of jobs) {
      job.resolve(written.batch.events.slice(start, start + job.entries.length))
      start += job.entries.length
    }
    this.#committed(written)
  }

  async #writeBatch(entries: readonly PreparedEntry[]): Promise<Written> {
    if (this.#connection.isDropped) this.#connection = new AppendConnection(this.#deps.openConnection)
    // Kept for the whole batch: one that timed out must not go on over the connection of its successors.
    const connection = this.#connection
    const append: Append = (values) => connection.append(values)
    const options = { advanceAuthority: false, sizeSeen: this.#committedSize, tries: OPTIMISTIC_TRIES }
    const before = this.#head ?? (await connection.head())
    const first = await this.#write(append, before, entries, options)
    if (first.applied) return first
    await connection.begin()
    const second = await this.#write(append, first.frontier, entries, { ...options, tries: TRIES_UNDER_LOCK })
    if (!second.applied) throw new Error('the log moved under its lock')
    await connection.commit()
    return second
  }

  /** Tries until the log's head is where the batch expects it. A refusal says where it really is. */
  async #write(
    append: Append,
    before: Frontier,
    entries: readonly PreparedEntry[],
    options: WriteOptions,
  ): Promise<Tried> {
    const { tries, sizeSeen, advanceAuthority } = options
    // Going on would give the sequence numbers of lost events to new ones.
    if (before.size < sizeSeen) throw new Error(`the log has shrunk from ${sizeSeen} events to ${before.size}`)
    const batch = buildBatch(before, entries, this.#deps.clock.now(), advanceAuthority)
    const reply = await append(batch.values)
    if (reply.applied || tries === 1) return { ...reply, batch }
    return this.#write(append, reply.frontier, entries, { ...options, tries: tries - 1 })
  }

  #committed({ batch: { events, after }, authorityEpoch, databaseNowMs }: Written): void {
    if (after.size > (this.#head?.size ?? 0)) this.#head = after
    this.#committedSize = Math.max(this.#committedSize, after.size)
    for (const observer of this.#deps.observers) {
      observer.appended(events)
      observer.authority(authorityEpoch, databaseNowMs)
    }
  }
}

async function readHead(trx: Knex.Transaction): Promise<Frontier> {
  const frontier = await readLogFrontier(trx)
  if (frontier === undefined) throw new Error('the stored head of the audit log contradicts itself')
  return frontier
}

function firstRow({ rows: [row] }: { readonly rows: readonly AppendRow[] }): AppendRow {
  if (row === undefined) throw new Error('the database has no audit log')
  return row
}

/** The outcome of `work`, or a rejection when it takes longer. The work itself goes on; its outcome is then nobody's. */
function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the database gave no answer in time')), timeoutMs)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

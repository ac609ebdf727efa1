import type { Client } from 'pg'
import { type AppendReply, type AppendRow, appendParameters, readFrontier, readReply } from './append-batch.ts'
import type { HeadRow } from './log-head.ts'
import type { Frontier } from './merkle.ts'

const appendQuery = {
  name: 'audit_append',
  text: `SELECT * FROM audit_append(${Array.from({ length: appendParameters }, (_, index) => `$${index + 1}`).join(', ')})`,
}

/** Opens a connection that belongs to the caller alone. Its statements end by themselves after a few seconds. */
export type OpenConnection = () => Promise<Client>

/** The flusher's own connection: opened when first needed. Once dropped, after any error, it stays so. */
export class AppendConnection {
  readonly #open: OpenConnection
  #client: Promise<Client> | undefined
  #isDropped = false

  constructor(open: OpenConnection) {
    this.#open = open
  }

  get isDropped(): boolean {
    return this.#isDropped
  }

  async append(values: unknown[]): Promise<AppendReply> {
    const client = await this.#connected()
    const { rows } = await client.query<AppendRow>({ ...appendQuery, values })
    const [row] = rows
    if (row === undefined) throw new Error('audit_append gave no answer')
    return readReply(row)
  }

  async head(): Promise<Frontier> {
    const client = await this.#connected()
    const { rows } = await client.query<HeadRow>("SELECT size, root, frontier FROM audit_log WHERE id = 'main'")
    const [row] = rows
    if (row === undefined) throw new Error('the database has no audit log')
    return readFrontier(row)
  }

  async begin(): Promise<void> {
    await (await this.#connected()).query('BEGIN')
  }

  async commit(): Promise<void> {
    await (await this.#connected()).query('COMMIT')
  }

  /** Closes the connection, at once when a query is under way. What that query did stays unknown. */
  drop(): void {
    this.#isDropped = true
    this.#client?.then((client) => client.end()).catch(ignoreLateFailure)
  }

  async #connected(): Promise<Client> {
    if (this.#isDropped) throw new Error('the connection was dropped')
    this.#client ??= this.#openGuarded()
    return this.#client
  }

  async #openGuarded(): Promise<Client> {
    const client = await this.#open()
    client.on('error', () => this.drop())
    return client
  }
}

/** Whoever waited was told already; a failure to open or close a connection that nobody wants has no reader. */
function ignoreLateFailure(): void {}

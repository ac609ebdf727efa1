import type { Knex } from 'knex'

/** What a ticket is good for: a client at one address, or one command that the gateway itself runs in the session. */
export type TicketBinding = { readonly sourceIp: string } | { readonly command: string; readonly requestId: string }

export interface NewTicket {
  /** `bearerHash` of its value, which is kept nowhere. */
  readonly hash: Buffer
  readonly sshSessionId: string
  readonly binding: TicketBinding
  readonly useBefore: Date
}

interface TicketRow {
  readonly source_ip: string | null
  readonly command: string | null
  readonly request_id: string | null
  readonly use_before: Date
}

/** The only SQL about tickets. */
export class SshTicketStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async insert({ hash, sshSessionId, binding, useBefore }: NewTicket): Promise<void> {
    const bound =
      'command' in binding
        ? { command: binding.command, request_id: binding.requestId }
        : { source_ip: binding.sourceIp }
    await this.#db('ssh_tickets').insert({ hash, ssh_session_id: sshSessionId, use_before: useBefore, ...bound })
  }

  /**
   * Uses up a ticket of that session. Of racing tries, on whichever replica, one gets it.
   * @returns what it was bound to and until when it could be used; undefined when there is none, or it was used before
   */
  async use(
    hash: Buffer,
    sshSessionId: string,
    now: Date,
  ): Promise<{ readonly binding: TicketBinding; readonly useBefore: Date } | undefined> {
    const [row]: TicketRow[] = await this.#db('ssh_tickets')
      .where({ hash, ssh_session_id: sshSessionId })
      .whereNull('used_at')
      .update({ used_at: now })
      .returning(['source_ip', 'command', 'request_id', 'use_before'])
    if (row === undefined) return undefined
    const binding =
      row.command === null
        ? { sourceIp: row.source_ip ?? '' }
        : { command: row.command, requestId: row.request_id ?? '' }
    return { binding, useBefore: row.use_before }
  }

  /** Drops tickets that can be used no more. */
  async forgetBefore(useBefore: Date): Promise<void> {
    await this.#db('ssh_tickets').where('use_before', '<', useBefore).delete()
  }
}

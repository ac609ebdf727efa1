import type { Knex } from 'knex'

/** A bastion in service. */
export interface BastionPlace {
  readonly id: string
  /** Where gateway processes reach it. */
  readonly address: string
  /** Where SSH clients reach it. */
  readonly publicAddress: string
  readonly port: number
  /** Its host key as an OpenSSH line. */
  readonly hostKey: string
}

/** A bastion that has not been heard of for so long is not in service. */
const bastionSilentMsMax = 10_000

/** The only SQL about bastions. */
export class BastionStore {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** Says that a bastion is in service, once more. */
  async announce({ id, address, publicAddress, port, hostKey }: BastionPlace): Promise<void> {
    await this.#db('bastions')
      .insert({
        id,
        address,
        public_address: publicAddress,
        port,
        host_key: hostKey,
        seen_at: this.#db.raw('clock_timestamp()'),
      })
      .onConflict('id')
      .merge()
  }

  /** Of the host key of this database's bastions; undefined before the first one started. */
  async hostKeyFingerprint(): Promise<string | undefined> {
    const row: { fingerprint: string } | undefined = await this.#db('installation_keys')
      .where({ purpose: 'bastion' })
      .first('fingerprint')
    return row?.fingerprint
  }

  /** @returns the fingerprint that the database knows now: another replica may have been first */
  async recordHostKey(fingerprint: string, createdAt: Date): Promise<string | undefined> {
    await this.#db('installation_keys')
      .insert({ purpose: 'bastion', fingerprint, created_at: createdAt })
      .onConflict('purpose')
      .ignore()
    return this.hostKeyFingerprint()
  }

  async leave(id: string): Promise<void> {
    await this.#db('bastions').where({ id }).delete()
  }

  /** Bastions heard of lately, the latest first. Those that have been silent for an hour are forgotten. */
  async inService(): Promise<readonly BastionPlace[]> {
    const { rows } = await this.#db.raw<{ rows: BastionPlace[] }>(
      `SELECT id, address, public_address AS "publicAddress", port, host_key AS "hostKey" FROM bastions
       WHERE seen_at > clock_timestamp() - make_interval(secs => ?) ORDER BY seen_at DESC`,
      [bastionSilentMsMax / 1000],
    )
    return rows
  }
}

import { createHash, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import type { Knex } from 'knex'
import type { Clock } from '../../kernel/clock.ts'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import { Secret } from '../../kernel/secret.ts'
import type { SecretSource } from '../secrets/secret-source.ts'

interface AccountRow {
  readonly key_path: string
  readonly key_version: string
}

/** The keys of the gateway's accounts with ACME servers: one for each server, the same on every replica. */
export class AccountKeys {
  readonly #deps: { readonly knex: Knex; readonly source: SecretSource; readonly clock: Clock }

  constructor(deps: { readonly knex: Knex; readonly source: SecretSource; readonly clock: Clock }) {
    this.#deps = deps
  }

  /** @returns the key (PKCS #8, PEM; ECDSA P-256), made now if there is none yet; or the fault of the secret store */
  async obtain(directoryUrl: string): Promise<Result<Secret<string>, Fault>> {
    const { source } = this.#deps
    const known = await this.#find(directoryUrl)
    if (known !== undefined) return source.read(known.key_path, known.key_version)
    const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
    const path = `acme/${createHash('sha256').update(directoryUrl).digest('hex')}`
    const stored = await source.write(path, new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()))
    if (!stored.ok) return stored
    // Of two replicas that make one at once, the first one's counts for both.
    await this.#deps
      .knex('acme_accounts')
      .insert({
        directory_url: directoryUrl,
        key_path: path,
        key_version: stored.value,
        created_at: new Date(this.#deps.clock.now()),
      })
      .onConflict('directory_url')
      .ignore()
    const kept = await this.#find(directoryUrl)
    if (kept === undefined) throw new Error('an account key vanished as it was kept')
    return source.read(kept.key_path, kept.key_version)
  }

  async #find(directoryUrl: string): Promise<AccountRow | undefined> {
    return this.#deps.knex('acme_accounts').where('directory_url', directoryUrl).first('key_path', 'key_version')
  }
}

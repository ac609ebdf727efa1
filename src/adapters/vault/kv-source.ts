import { isStorePath, type SecretSource, type StoreVersion } from '../../domain/secrets/secret-source.ts'
import { secretValue } from '../../domain/secrets/secret-value.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { Secret } from '../../kernel/secret.ts'
import { memberOf } from '../../kernel/json-members.ts'
import { isPinned, parsePin, pinText } from './kv-pin.ts'
import type { VaultAnswer, VaultClient } from './vault-client.ts'
import type { VaultSession } from './vault-session.ts'

/** The folder within the mount that is the gateway's own. */
const OWN_FOLDER = 'certlocker'
/** The member that holds the value of the gateway's own entries. */
const OWN_FIELD = 'value'

/** Each try that fails means that another writer of the same entry succeeded. */
const WRITE_TRIES = 16

/** Vault keeps 10 versions unless told otherwise; each one kept takes some 30 bytes of one record of at most 512 KiB. */
const VERSIONS_MAX = 10_000

const HEALTH_MS = 2_000

export interface KvSourceDeps {
  readonly client: VaultClient
  readonly session: VaultSession
  /** Of the KV engine, version 2. */
  readonly mount: string
  /** Ties each version to its value. 256 bits, the same for as long as there are versions. */
  readonly pinKey: Buffer
}

/** Values in the KV engine (version 2) of Vault or OpenBao. None is kept in memory: what Vault takes back is gone at once. */
export class KvSource implements SecretSource {
  readonly kind = 'vault'
  readonly #deps: KvSourceDeps

  constructor(deps: KvSourceDeps) {
    this.#deps = deps
  }

  async write(path: string, value: Secret<string>): Promise<Result<StoreVersion, Fault>> {
    const entry = `${OWN_FOLDER}/${path}`
    let seen = -1
    for (let tries = 0; tries < WRITE_TRIES; tries++) {
      const latest = await this.#latest(entry)
      if (!latest.ok) return latest
      // Not the race that check-and-set is for, or Vault would be a version further.
      if (latest.value === seen) return err(refused('a write', 400))
      seen = latest.value
      const body = { data: { [OWN_FIELD]: value.expose() }, options: { cas: seen } }
      const answer = await this.#post(`data/${entry}`, body)
      if (!answer.ok) return answer
      if (answer.value.status === 200) return this.#written(entry, value, answer.value)
      if (answer.value.status !== 400) return err(refused('a write', answer.value.status))
    }
    return err(
      fault('SECRET_STORE_UNAVAILABLE', { message: 'The secret is being written by too many at once; try again' }),
    )
  }

  async read(path: string, version: StoreVersion): Promise<Result<Secret<string>, Fault>> {
    const pin = parsePin(version)
    if (pin === undefined) return err(fault('SECRET_VALUE_MISSING'))
    const entry = pin.field === undefined ? `${OWN_FOLDER}/${path}` : path
    const answer = await this.#get(`data/${entry}`, { version: String(pin.number) })
    if (!answer.ok) return answer
    if (answer.value.status === 404) return err(fault('SECRET_VALUE_MISSING'))
    if (answer.value.status !== 200) return err(refused('a read', answer.value.status))
    const value = memberOf(answer.value.body, 'data', 'data', pin.field ?? OWN_FIELD)
    if (typeof value !== 'string' || !isPinned(this.#deps.pinKey, pin, { entry, value })) return err(damaged(entry))
    return ok(new Secret(value))
  }

  async adopt(path: string, field: string): Promise<Result<StoreVersion, Fault>> {
    if (!isStorePath(path) || path.split('/')[0] === OWN_FOLDER)
      return err(fault('ARGUMENT_INVALID', { message: `source.path is no path of Vault outside ${OWN_FOLDER}/` }))
    const answer = await this.#get(`data/${path}`)
    if (!answer.ok) return answer
    const { status, body } = answer.value
    if (status !== 200 && status !== 404) return err(refused('a read', status))
    const number = memberOf(body, 'data', 'metadata', 'version')
    const text = memberOf(body, 'data', 'data', field)
    if (status === 404 || typeof number !== 'number' || typeof text !== 'string' || text === '')
      return err(fault('REFERENCE_UNKNOWN', { message: `Vault has no text at source.path ${path}, field ${field}` }))
    const value = secretValue(text)
    if (!value.ok) return value
    const version = pinText(this.#deps.pinKey, { entry: path, number, field, value: text })
    if (parsePin(version) === undefined)
      return err(fault('ARGUMENT_INVALID', { message: 'source.field is a name of [A-Za-z0-9._-]' }))
    return ok(version)
  }

  async check(): Promise<{ readonly ok: boolean; readonly detail: string }> {
    const { client, session, mount } = this.#deps
    const query = { standbyok: 'true', perfstandbyok: 'true' }
    const health = await client.request({
      operation: 'health',
      method: 'GET',
      path: 'sys/health',
      query,
      timeoutMs: HEALTH_MS,
    })
    if (!health.ok) return { ok: false, detail: 'vault is unreachable' }
    if (health.value.status === 503) return { ok: false, detail: 'vault is sealed' }
    if (health.value.status !== 200) return { ok: false, detail: 'vault is not in service' }
    // What `vault kv` asks too before it speaks to a mount.
    const answer = await session.request({
      operation: 'lookup',
      method: 'GET',
      path: `sys/internal/ui/mounts/${mount}`,
      timeoutMs: HEALTH_MS,
    })
    if (!answer.ok) {
      const isRefused = answer.error.code === 'SECRET_STORE_REFUSED'
      return { ok: false, detail: isRefused ? 'vault refuses the gateway' : 'vault is unreachable' }
    }
    if (answer.value.status !== 200) return { ok: false, detail: 'vault refuses the gateway' }
    const isFitting = memberOf(answer.value.body, 'data', 'options', 'version') === '2'
    return { ok: isFitting, detail: isFitting ? 'vault' : 'the mount is no KV engine of version 2' }
  }

  /** The number of the newest version of one of the gateway's own entries, which is made first if need be; 0: none yet. */
  async #latest(entry: string): Promise<Result<number, Fault>> {
    const answer = await this.#get(`metadata/${entry}`)
    if (!answer.ok) return answer
    const { status, body } = answer.value
    if (status === 404) return this.#prepare(entry)
    const latest = memberOf(body, 'data', 'current_version')
    if (status === 200 && typeof latest === 'number') return ok(latest)
    return err(refused('to show an entry', status))
  }

  /** Older versions are to stay, and nobody is to write one by mistake. */
  async #prepare(entry: string): Promise<Result<number, Fault>> {
    const settings = { max_versions: VERSIONS_MAX, cas_required: true }
    const answer = await this.#post(`metadata/${entry}`, settings)
    if (!answer.ok) return answer
    return answer.value.status === 200 ? ok(0) : err(refused('to make an entry', answer.value.status))
  }

  #written(entry: string, value: Secret<string>, { body }: VaultAnswer): Result<StoreVersion, Fault> {
    // Such a mount drops what it is given, and Vault lets no entry be kept longer.
    if ((memberOf(body, 'data', 'deletion_time') ?? '') !== '')
      return err(
        fault('SECRET_STORE_REFUSED', { detail: 'Vault: the mount has a delete_version_after; it must have none' }),
      )
    const number = memberOf(body, 'data', 'version')
    if (typeof number !== 'number')
      return err(fault('SECRET_STORE_UNAVAILABLE', { detail: 'Vault, write: the answer names no version' }))
    return ok(pinText(this.#deps.pinKey, { entry, number, field: undefined, value: value.expose() }))
  }

  #get(path: string, query?: Readonly<Record<string, string>>): Promise<Result<VaultAnswer, Fault>> {
    const { session, mount } = this.#deps
    return session.request({
      operation: 'read',
      method: 'GET',
      path: `${mount}/${path}`,
      ...(query === undefined ? {} : { query }),
    })
  }

  #post(path: string, body: object): Promise<Result<VaultAnswer, Fault>> {
    const { session, mount } = this.#deps
    return session.request({ operation: 'write', method: 'POST', path: `${mount}/${path}`, body })
  }
}

function refused(what: string, status: number): Fault {
  return fault('SECRET_STORE_REFUSED', { detail: `Vault refuses ${what} (${status})` })
}

function damaged(entry: string): Fault {
  return fault('SECRET_VALUE_DAMAGED', { detail: `Vault, ${entry}: what lies there is not what was stored` })
}

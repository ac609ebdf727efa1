import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import type { SecretSource } from '../../domain/secrets/secret-source.ts'
import type { CertificateRequest, SshSigner } from '../../domain/ssh/ssh-signer.ts'
import { ed25519KeyOf, ed25519Line, signUserCertificate } from '../../domain/ssh/user-certificate.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { Secret } from '../../kernel/secret.ts'

const PATH = 'ssh-ca/ed25519'
/** Replicas that start at the same time may each write a key; the first one counts. */
const FIRST_VERSION = '0'
/** A certificate is good from a little before now, for hosts whose clocks are late. */
const EARLIER_SECONDS = 60

export interface SealedSshSignerDeps {
  readonly source: SecretSource
  readonly clock: Clock
}

/** The built-in SSH CA: an Ed25519 key, made when it is first needed and kept in the sealed box like any value. */
export class SealedSshSigner implements SshSigner {
  readonly kind = 'sealed-box'
  readonly #deps: SealedSshSignerDeps
  #key: KeyObject | undefined

  constructor(deps: SealedSshSignerDeps) {
    this.#deps = deps
  }

  async sign({
    publicKey,
    principal,
    keyId,
    ttlSeconds,
    permitPty,
  }: CertificateRequest): Promise<Result<string, Fault>> {
    const key = await this.#load()
    if (!key.ok) return key
    const raw = ed25519KeyOf(publicKey)
    if (raw === undefined) return err(fault('SSH_CA_REFUSED', { detail: 'the SSH CA signs Ed25519 keys only' }))
    const nowSeconds = Math.floor(this.#deps.clock.now() / 1000)
    const certificate = {
      publicKey: raw,
      serial: randomBytes(8).readBigUInt64BE(),
      keyId,
      principals: [principal],
      validAfter: nowSeconds - EARLIER_SECONDS,
      validBefore: nowSeconds + ttlSeconds,
      criticalOptions: {},
      extensions: permitPty ? ['permit-pty'] : [],
    }
    return ok(signUserCertificate(certificate, key.value))
  }

  async publicKey(): Promise<Result<string, Fault>> {
    const key = await this.#load()
    return key.ok ? ok(`${ed25519Line(key.value)} certlocker-ssh-ca`) : key
  }

  async #load(): Promise<Result<KeyObject, Fault>> {
    if (this.#key !== undefined) return ok(this.#key)
    const { source } = this.#deps
    let pem = await source.read(PATH, FIRST_VERSION)
    if (!pem.ok && pem.error.code === 'SECRET_VALUE_MISSING') {
      const written = await source.write(PATH, newKey())
      if (!written.ok) return written
      pem = await source.read(PATH, FIRST_VERSION)
    }
    if (!pem.ok) return pem
    this.#key = createPrivateKey(pem.value.expose())
    return ok(this.#key)
  }
}

function newKey(): Secret<string> {
  const { privateKey } = generateKeyPairSync('ed25519')
  return new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
}

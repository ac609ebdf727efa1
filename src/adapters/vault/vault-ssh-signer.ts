import type { CertificateRequest, SshSigner } from '../../domain/ssh/ssh-signer.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { memberOf } from '../../kernel/json-members.ts'
import type { VaultSession } from './vault-session.ts'

/** The role of the SSH engine that the operator sets up for the gateway. */
const ROLE = 'certlocker'

export interface VaultSshSignerDeps {
  readonly session: VaultSession
  /** Of the SSH engine. */
  readonly mount: string
}

/** The SSH engine of Vault or OpenBao as the CA. Its role `certlocker` says which accounts it signs for at all. */
export class VaultSshSigner implements SshSigner {
  readonly kind = 'vault'
  readonly #deps: VaultSshSignerDeps

  constructor(deps: VaultSshSignerDeps) {
    this.#deps = deps
  }

  async sign({
    publicKey,
    principal,
    keyId,
    ttlSeconds,
    permitPty,
  }: CertificateRequest): Promise<Result<string, Fault>> {
    const { session, mount } = this.#deps
    const answer = await session.request({
      operation: 'sign',
      method: 'POST',
      path: `${mount}/sign/${ROLE}`,
      body: {
        public_key: publicKey,
        valid_principals: principal,
        cert_type: 'user',
        ttl: `${ttlSeconds}s`,
        key_id: keyId,
        extensions: permitPty ? { 'permit-pty': '' } : {},
      },
    })
    if (!answer.ok) return err(unavailable(answer.error))
    const line = memberOf(answer.value.body, 'data', 'signed_key')
    if (answer.value.status === 200 && typeof line === 'string') return ok(line.trim())
    return err(refused(`to sign for ${principal} with its role ${ROLE} (${answer.value.status})`))
  }

  async publicKey(): Promise<Result<string, Fault>> {
    const { session, mount } = this.#deps
    const answer = await session.request({ operation: 'read', method: 'GET', path: `${mount}/config/ca` })
    if (!answer.ok) return err(unavailable(answer.error))
    const line = memberOf(answer.value.body, 'data', 'public_key')
    if (answer.value.status === 200 && typeof line === 'string') return ok(line.trim())
    return err(refused(`to show the CA of its SSH engine (${answer.value.status})`))
  }
}

function unavailable({ detail }: Fault): Fault {
  return fault('SSH_CA_UNAVAILABLE', { detail })
}

function refused(what: string): Fault {
  return fault('SSH_CA_REFUSED', { detail: `Vault refuses ${what}` })
}

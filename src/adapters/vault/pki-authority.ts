import type {
  Advance,
  CertificateAuthority,
  OpenOrder,
  Setback,
} from '../../domain/certificates/certificate-authority.ts'
import { shortText } from '../../kernel/bounded-text.ts'
import { fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { memberOf } from '../../kernel/json-members.ts'
import { pemOf } from '../../kernel/pem.ts'
import type { VaultSession } from './vault-session.ts'

const COMMON_NAME_CHARACTERS = 64
const PROBLEM_CHARACTERS = 400

export interface PkiAuthorityDeps {
  readonly session: VaultSession
  readonly mount: string
  /** Undefined: `sign-verbatim`, which leaves the names to this gateway's policy. */
  readonly role: string | undefined
}

/**
 * The PKI engine of Vault or OpenBao as one who issues certificates, in one step. A step that was broken off may sign the same
 * request twice; the key of both is the one in the store, and only the second is ever named.
 */
export class PkiAuthority implements CertificateAuthority {
  readonly name = 'vault-pki'
  readonly #deps: PkiAuthorityDeps

  constructor(deps: PkiAuthorityDeps) {
    this.#deps = deps
  }

  async advance({ csr, domains }: OpenOrder): Promise<Result<Advance, Setback>> {
    const { session, mount, role } = this.#deps
    const commonName = domains.find((name) => name.length <= COMMON_NAME_CHARACTERS)
    const named = { common_name: commonName ?? '', alt_names: domains.join(','), exclude_cn_from_sans: true }
    const answer = await session.request({
      operation: 'write',
      method: 'POST',
      path: role === undefined ? `${mount}/sign-verbatim` : `${mount}/sign/${role}`,
      body: {
        csr: pemOf('CERTIFICATE REQUEST', csr),
        format: 'pem',
        ...(role === undefined ? { ext_key_usage: ['ServerAuth', 'ClientAuth'] } : named),
      },
    })
    if (!answer.ok) return err({ fault: answer.error, retryAfterMs: null })
    const { status, body } = answer.value
    if (status !== 200) return err({ fault: refusal(status, body), retryAfterMs: null })
    const certificate = memberOf(body, 'data', 'certificate')
    if (typeof certificate !== 'string')
      return err({
        fault: fault('ISSUER_UNAVAILABLE', { message: 'Vault answers without a certificate' }),
        retryAfterMs: null,
      })
    return ok({
      status: 'valid',
      chain: chainOf(certificate, memberOf(body, 'data', 'ca_chain'), memberOf(body, 'data', 'issuing_ca')),
    })
  }

  async tidy(): Promise<void> {
    // Nothing is put in place for a signature.
  }

  async renewalWindow(): Promise<undefined> {
    return undefined
  }
}

function chainOf(certificate: string, chain: unknown, issuer: unknown): string {
  const issuers = Array.isArray(chain) && chain.length > 0 ? chain : [issuer]
  return [certificate, ...issuers.filter((each) => typeof each === 'string')].join('\n')
}

/** A 403 is about the gateway's own rights: it ends no order, since an operator can mend that. */
function refusal(status: number, body: unknown) {
  const errors = memberOf(body, 'errors')
  const said = Array.isArray(errors) ? errors.filter((each) => typeof each === 'string').join('; ') : ''
  const text = shortText(said.replace(/\s+/g, ' '), PROBLEM_CHARACTERS) || `it answers ${status}`
  const isRefused = status === 400 || status === 404
  return fault(isRefused ? 'ISSUER_REFUSED' : 'ISSUER_UNAVAILABLE', {
    message: `Vault ${isRefused ? 'refuses' : 'cannot sign'}: ${text}`,
  })
}

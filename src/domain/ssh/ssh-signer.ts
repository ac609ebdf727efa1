import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { ed25519KeyOf, readUserCertificate } from './user-certificate.ts'

/** What a session needs to be let in by its host. */
export interface CertificateRequest {
  /** The ephemeral Ed25519 key as an OpenSSH line. */
  readonly publicKey: string
  /** The one account that it is for. */
  readonly principal: string
  /** Id of the session. */
  readonly keyId: string
  readonly ttlSeconds: number
  readonly permitPty: boolean
}

/** The certificate authority for SSH that the hosts trust. */
export interface SshSigner {
  readonly kind: 'sealed-box' | 'vault'
  /** @returns an OpenSSH certificate line, or SSH_CA_UNAVAILABLE, SSH_CA_REFUSED */
  sign(request: CertificateRequest): Promise<Result<string, Fault>>
  /** The CA's public key as the OpenSSH line for `TrustedUserCAKeys`. */
  publicKey(): Promise<Result<string, Fault>>
}

/** What clocks may differ by. */
const SKEW_SECONDS = 120

/**
 * Looks at a certificate before it is used, whoever made it: one with no principals would be good for every account, one
 * of a day would outlive its session by far.
 */
export function checkedCertificate(line: string, asked: CertificateRequest, nowMs: number): Result<string, Fault> {
  const certificate = readUserCertificate(line)
  const problem =
    certificate === undefined
      ? 'it is not a user certificate of an Ed25519 key'
      : [
          [certificate.publicKey.equals(ed25519KeyOf(asked.publicKey) ?? Buffer.alloc(0)), 'it is for another key'],
          [certificate.principals.join() === asked.principal, 'it is not for the account alone'],
          [
            certificate.validBefore <= nowMs / 1000 + asked.ttlSeconds + SKEW_SECONDS,
            'it is valid for longer than it was asked for',
          ],
          [Object.keys(certificate.criticalOptions).length === 0, 'it has critical options'],
          [
            certificate.extensions.every((name) => name === 'permit-pty' && asked.permitPty),
            'it permits more than it was asked for',
          ],
        ].find(([isFit]) => isFit === false)?.[1]
  if (problem === undefined) return ok(line)
  return err(fault('SSH_CA_REFUSED', { detail: `the certificate of the SSH CA is of no use: ${String(problem)}` }))
}

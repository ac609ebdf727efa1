import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { err, ok, type Result } from '../kernel/result.ts'

/** How bundles are signed: the algorithms of RFC 7518 and RFC 8037 that this gateway and `opa` both know. */
export const signatureAlgorithms = ['EdDSA', 'ES256', 'RS256'] as const
export type SignatureAlgorithm = (typeof signatureAlgorithms)[number]

const RSA_BITS_MIN = 2048

/** A key with the one algorithm it is used with, which comes from the key and never from what was signed. */
export interface PolicyKey {
  /** By which a signature may name the key; undefined: no name is asked for. */
  readonly id: string | undefined
  readonly key: KeyObject
  readonly algorithm: SignatureAlgorithm
}

/**
 * Reads a public key that bundles may be signed with.
 * @param pem SPKI, or a certificate
 * @returns the key, or what is wrong with it
 */
export function policyPublicKey(pem: string, id?: string): Result<PolicyKey, string> {
  try {
    if (/PRIVATE KEY/.test(pem)) return err('is a private key: give the public one, and keep the private one elsewhere')
    return withAlgorithm(createPublicKey(pem), id)
  } catch {
    return err('is no public key in PEM')
  }
}

/** Reads a private key to sign with. @param pem PKCS #8, without a passphrase. @returns the key, or what is wrong with it */
export function policyPrivateKey(pem: string, id?: string): Result<PolicyKey, string> {
  try {
    return withAlgorithm(createPrivateKey(pem), id)
  } catch {
    return err('is no private key in PEM without a passphrase')
  }
}

function withAlgorithm(key: KeyObject, id: string | undefined): Result<PolicyKey, string> {
  const algorithm = algorithmOf(key)
  return algorithm === undefined
    ? err(`is neither Ed25519, nor P-256, nor RSA of at least ${RSA_BITS_MIN} bits`)
    : ok({ id, key, algorithm })
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): SignatureAlgorithm | undefined {
  if (asymmetricKeyType === 'ed25519') return 'EdDSA'
  if (asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256'
  if (asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= RSA_BITS_MIN) return 'RS256'
  return undefined
}

import { readFile, writeFile } from 'node:fs/promises'
import { err, ok, type Result } from '../../kernel/result.ts'
import { readBundle } from '../../policy/bundle.ts'
import { problemText } from '../../policy/bundle-problem.ts'
import { verifySignature } from '../../policy/bundle-signature.ts'
import { type PolicyKey, policyPrivateKey, policyPublicKey } from '../../policy/policy-key.ts'
import type { PolicyVersion } from '../../policy/policy-engine.ts'
import { signBundle } from '../../policy/sign-bundle.ts'

export interface SignOptions {
  /** PEM file. */
  readonly key: string
  readonly keyId?: string
  readonly scope?: string
  /** Asked for; the key decides, so that this can only agree with it. */
  readonly alg?: string
  /** Where the signed bundle goes; by default where the unsigned one was. */
  readonly output?: string
}

/** Signs a bundle file. @returns what was signed, or why not. @throws the system's error about a file */
export async function signBundleFile(file: string, options: SignOptions): Promise<Result<PolicyVersion, string>> {
  const key = policyPrivateKey(await readFile(options.key, 'utf8'), options.keyId)
  if (!key.ok) return err(`${options.key} ${key.error}`)
  const { algorithm } = key.value
  if (options.alg !== undefined && options.alg !== algorithm)
    return err(`${options.key} signs with ${algorithm}, not ${options.alg}: leave --alg out or give another key`)
  const signed = signBundle(await readFile(file), key.value, options.scope)
  if (!signed.ok) return err(`${file}: ${signed.error.code}: ${problemText(signed.error)}`)
  await writeFile(options.output ?? file, signed.value)
  const bundle = readBundle(signed.value)
  return bundle.ok ? ok(bundle.value.version) : err(`${file}: ${bundle.error.code}: ${problemText(bundle.error)}`)
}

/** Verifies the signature of a bundle file. @returns which policy it is, or why not. @throws the system's error about a file */
export async function verifyBundleFile(
  file: string,
  { key: keyFile, keyId, scope }: Pick<SignOptions, 'key' | 'keyId' | 'scope'>,
): Promise<Result<PolicyVersion & { readonly algorithm: PolicyKey['algorithm'] }, string>> {
  const key = policyPublicKey(await readFile(keyFile, 'utf8'), keyId)
  if (!key.ok) return err(`${keyFile} ${key.error}`)
  const bundle = readBundle(await readFile(file))
  if (!bundle.ok) return err(`${file}: ${bundle.error.code}: ${problemText(bundle.error)}`)
  const verified = verifySignature(bundle.value.files, { keys: [key.value], scope })
  if (!verified.ok) return err(`${file}: ${verified.error.code}: ${problemText(verified.error)}`)
  return ok({ ...bundle.value.version, algorithm: key.value.algorithm })
}

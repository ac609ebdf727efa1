import { generateKeyPairSync } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildBundle } from '../../src/cli/policy/build.ts'
import { policyPrivateKey } from '../../src/policy/policy-key.ts'
import { signBundle } from '../../src/policy/sign-bundle.ts'
import { exercised } from './components.ts'

/** Somebody who builds and signs bundles for a gateway that knows their key. */
export interface PolicyAuthor {
  /** What a gateway has to be told. */
  readonly settings: Readonly<Record<string, string>>
  /** A signed bundle of the shipped rules and, when given, a company rule. */
  bundle(facts: { readonly revision: string; readonly sequence: number; readonly rego?: string }): Promise<Buffer>
  sign(bundle: Uint8Array, scope?: string): Buffer
  leave(): Promise<void>
}

export async function policyAuthor(): Promise<PolicyAuthor> {
  const directory = await mkdtemp(join(tmpdir(), 'certlocker-author-'))
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  await writeFile(join(directory, 'key.pub'), publicKey.export({ type: 'spki', format: 'pem' }))
  const key = policyPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 'ci')
  if (!key.ok) throw new Error(key.error)
  const sign = (bundle: Uint8Array, scope?: string): Buffer => {
    const signed = signBundle(bundle, key.value, scope)
    if (!signed.ok) throw new Error(signed.error.detail)
    return signed.value
  }
  return {
    settings: { CERTLOCKER_POLICY__PUBLIC_KEYS: `ci=${join(directory, 'key.pub')}` },
    sign,
    async bundle({ revision, sequence, rego }) {
      const company = join(directory, revision)
      if (rego !== undefined) {
        await mkdir(join(company, 'custom', 'acme'), { recursive: true })
        await writeFile(join(company, 'custom', 'acme', 'acme.rego'), rego)
      }
      const built = await buildBundle({ directories: rego === undefined ? [] : [company], sequence, revision })
      if (!built.ok) throw new Error(built.error)
      exercised('opa')
      return sign(built.value.bytes)
    },
    leave: () => rm(directory, { recursive: true }),
  }
}

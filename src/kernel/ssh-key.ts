import ssh2 from 'ssh2'
import { Secret } from './secret.ts'

// A member that Node's reader of CommonJS exports does not see.
const { utils } = ssh2

/** `string ssh-ed25519, string of 32 bytes` (RFC 8709 section 4). */
const PUBLIC_BYTES = 4 + 'ssh-ed25519'.length + 4 + 32

/** A fresh Ed25519 key pair: the private key in OpenSSH's format, the public one as an OpenSSH line. */
export function newSshKey(): { readonly privateKey: Secret<string>; readonly publicKey: string } {
  for (;;) {
    const { private: privateKey, public: publicKey } = utils.generateKeyPairSync('ed25519')
    // ssh2 cuts leading zero bytes off, and about one key in 128 is then malformed.
    if (isEd25519Key(privateKey)) return { privateKey: new Secret(privateKey), publicKey }
  }
}

/** Whether a text is a whole Ed25519 private key in OpenSSH's format. */
export function isEd25519Key(text: string): boolean {
  const parsed = utils.parseKey(text)
  const key = Array.isArray(parsed) ? parsed[0] : parsed
  if (key === undefined || key instanceof Error) return false
  return key.type === 'ssh-ed25519' && key.isPrivateKey() && key.getPublicSSH().length === PUBLIC_BYTES
}

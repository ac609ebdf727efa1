import ssh2, { type ConnectConfig, type ParsedKey } from 'ssh2'
import { sshString } from '../../kernel/ssh-wire.ts'

const CERTIFICATE = /^(ssh-ed25519|ecdsa-sha2-nistp\d+)-cert-v01@openssh\.com$/

/**
 * @returns a key of ssh2 whose public half is an OpenSSH certificate; undefined when one of them is none that it can read
 */
export function certifiedKey(privateKey: string, certificate: string): ParsedKey | undefined {
  const key = readPrivateKey(privateKey)
  const [type = '', base64 = ''] = certificate.trim().split(/\s+/)
  if (key === undefined || !CERTIFICATE.test(type)) return undefined
  const blob = Buffer.from(base64, 'base64')
  // ssh2 knows a key by a symbol that it inherits.
  const certified: unknown = Object.create(key, { type: { value: type }, getPublicSSH: { value: () => blob } })
  return certified as ParsedKey
}

/** @returns undefined when it is no private key, or one under a passphrase */
export function readPrivateKey(text: string): ParsedKey | undefined {
  const parsed = ssh2.utils.parseKey(text)
  const key = Array.isArray(parsed) ? parsed[0] : parsed
  return key instanceof Error || key === undefined || !key.isPrivateKey() ? undefined : key
}

/** The private parts of ssh2 that are touched here, and nowhere else: its version is pinned for them. */
interface Internals {
  readonly _protocol: {
    authPK(user: string, key: ParsedKey, algorithm?: unknown, sign?: unknown): void
    readonly _packetRW: {
      readonly write: {
        readonly allocStart: number
        alloc(length: number): Uint8Array
        finalize(packet: Uint8Array): Uint8Array
      }
    }
    readonly _authsQueue: string[]
    readonly _cipher: { encrypt(packet: Uint8Array): void }
  }
}

type AskForSignature = (data: Buffer, give: (signature: Buffer) => void) => void

/**
 * ssh2's client, which also logs in with certificates. By itself it writes one name of an algorithm both around and into
 * the signature, and OpenSSH wants that of the certificate outside and that of the key inside. It still builds the request
 * that is signed; only the packet that carries the signature is written here.
 */
export class CertificateClient extends ssh2.Client {
  override connect(config: ConnectConfig): this {
    super.connect(config)
    const protocol = (this as unknown as Internals)._protocol
    const authPK = protocol.authPK.bind(protocol)
    protocol.authPK = (user, key, algorithm, sign) => {
      const ask = typeof algorithm === 'function' ? algorithm : sign
      const [, inner] = CERTIFICATE.exec(key.type) ?? []
      if (inner === undefined || typeof ask !== 'function') return authPK(user, key, algorithm, sign)
      return authPK(user, key, key.type, (data: Buffer) =>
        (ask as AskForSignature)(data, (signature) => {
          const body = data.subarray(4 + data.readUInt32BE(0))
          const signed = Buffer.concat([body, sshString(Buffer.concat([sshString(inner), sshString(signature)]))])
          const { write } = protocol._packetRW
          const at = write.allocStart
          const packet = write.alloc(signed.length)
          packet.set(signed, at)
          protocol._authsQueue.push('publickey')
          protocol._cipher.encrypt(write.finalize(packet))
        }),
      )
    }
    return this
  }
}

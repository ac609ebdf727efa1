import { readFile } from 'node:fs/promises'
import type { CertificateAuthority } from '../../domain/certificates/certificate-authority.ts'
import type { SecretSource } from '../../domain/secrets/secret-source.ts'
import type { SshSigner } from '../../domain/ssh/ssh-signer.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/log.ts'
import type { Secret } from '../../kernel/secret.ts'
import { KvSource } from './kv-source.ts'
import { PkiAuthority } from './pki-authority.ts'
import { storedBefore } from './stored-before.ts'
import { VaultClient } from './vault-client.ts'
import type { VaultAuth } from './vault-login.ts'
import type { VaultMeter } from './vault-meter.ts'
import { VaultSession } from './vault-session.ts'
import { VaultSshSigner } from './vault-ssh-signer.ts'
import { createTransport } from './vault-transport.ts'

/** The settings under `vault`, checked. */
export interface VaultSettings {
  readonly address: string
  readonly namespace?: string
  /** Certificates (PEM) that an https server is checked against, in place of the usual ones. */
  readonly caFile?: string
  readonly mounts: { readonly kv: string; readonly ssh?: string; readonly pki?: string }
  readonly pkiRole?: string
  readonly auth: {
    readonly method: VaultAuth['method']
    readonly mount?: string
    readonly token?: Secret<string>
    readonly roleId?: string
    readonly secretId?: Secret<string>
    readonly role?: string
    readonly jwtFile: string
  }
}

export interface VaultDeps {
  /** Where the values are that were stored before Vault was configured. */
  readonly sealedBox: SecretSource
  /** Ties each version to its value: see `KvSourceDeps`. */
  readonly pinKey: Buffer
  readonly clock: Clock
  readonly log: Log
  readonly meter: VaultMeter
  /** For each request; left out: 5 s. */
  readonly timeoutMs?: number
}

export interface Vault {
  readonly source: SecretSource
  /** Undefined unless `mounts.ssh` names the SSH engine. */
  readonly signer: SshSigner | undefined
  /** Undefined without a PKI engine. */
  readonly authority: CertificateAuthority | undefined
  /** Keeps the gateway's token good. To be called every few seconds. */
  readonly keepAlive: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Vault or OpenBao as a store of secrets. Nothing is asked of it yet: it may come up later than the gateway. */
export async function openVault(settings: VaultSettings, deps: VaultDeps): Promise<Vault> {
  const { address, namespace, caFile, mounts, pkiRole } = settings
  const { sealedBox, pinKey, clock, log, meter, timeoutMs } = deps
  const { protocol, hostname } = new URL(address)
  if (protocol === 'http:' && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname))
    log.warn('vault.address is http: its token and every secret cross the network in the clear')
  const ca = caFile === undefined ? undefined : await readFile(caFile, 'utf8')
  const transport = createTransport(protocol === 'https:' ? 'https:' : 'http:', ca)
  const limits = timeoutMs === undefined ? {} : { timeoutMs }
  const client = new VaultClient({ address, namespace, transport, meter, ...limits })
  const session = new VaultSession({ client, auth: authOf(settings.auth), clock, log })
  return {
    signer: mounts.ssh === undefined ? undefined : new VaultSshSigner({ session, mount: mounts.ssh }),
    source: storedBefore(sealedBox, new KvSource({ client, session, mount: mounts.kv, pinKey })),
    authority: mounts.pki === undefined ? undefined : new PkiAuthority({ session, mount: mounts.pki, role: pkiRole }),
    keepAlive: () => session.keepAlive(),
    close: async () => transport.close(),
  }
}

/** @throws Error when what the method needs is not there, which the configuration's own check refuses earlier */
function authOf({ method, mount, token, roleId, secretId, role, jwtFile }: VaultSettings['auth']): VaultAuth {
  if (method === 'token' && token !== undefined) return { method, token }
  if (method === 'approle' && roleId !== undefined && secretId !== undefined)
    return { method, mount: mount ?? method, roleId, secretId }
  if (method === 'kubernetes' && role !== undefined) return { method, mount: mount ?? method, role, jwtFile }
  throw new Error(`vault.auth lacks what method ${method} needs`)
}

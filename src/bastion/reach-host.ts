import type { Host } from '../domain/hosts/host.ts'
import type { SecretSource } from '../domain/secrets/secret-source.ts'
import type { SecretStore } from '../domain/secrets/secret-store.ts'
import { checkedCertificate, type SshSigner } from '../domain/ssh/ssh-signer.ts'
import type { SshSession } from '../domain/ssh/ssh-session.ts'
import type { SshTarget, TargetConnection } from '../domain/ssh/ssh-target.ts'
import type { Clock } from '../kernel/clock.ts'
import { type Fault, fault } from '../kernel/fault.ts'
import { err, ok, type Result } from '../kernel/result.ts'
import type { Secret } from '../kernel/secret.ts'

/** A certificate lets in, and is not looked at again: it need not live as long as its session. */
const CERTIFICATE_SECONDS = 120

export interface ReachHostDeps {
  readonly target: SshTarget
  readonly signer: SshSigner
  readonly source: SecretSource
  readonly secrets: Pick<SecretStore, 'find' | 'findVersion'>
  readonly clock: Clock
}

/** Logs in to the host of a session, with a key that nobody else ever has. @returns the faults of signer, secret store and host */
export async function reachHost(
  deps: ReachHostDeps,
  session: SshSession,
  host: Host,
  signal: AbortSignal,
): Promise<Result<TargetConnection, Fault>> {
  const credential = await credentialOf(deps, session, host)
  if (!credential.ok) return credential
  const { address, port, hostKeys } = host
  return deps.target.connect({ address, port, hostKeys, principal: session.principal, ...credential.value }, signal)
}

interface Credential {
  readonly privateKey: Secret<string>
  readonly certificate: string | undefined
}

async function credentialOf(
  deps: ReachHostDeps,
  session: SshSession,
  { credential }: Host,
): Promise<Result<Credential, Fault>> {
  if (credential.kind === 'secret') return storedKey(deps, credential.secretId)
  const key = deps.target.newKey()
  const request = {
    publicKey: key.publicKey,
    principal: session.principal,
    keyId: session.id,
    ttlSeconds: CERTIFICATE_SECONDS,
    permitPty: session.mode === 'shell',
  }
  const signed = await deps.signer.sign(request)
  const certificate = signed.ok ? checkedCertificate(signed.value, request, deps.clock.now()) : signed
  return certificate.ok ? ok({ privateKey: key.privateKey, certificate: certificate.value }) : certificate
}

async function storedKey({ secrets, source }: ReachHostDeps, secretId: string): Promise<Result<Credential, Fault>> {
  const secret = await secrets.find(secretId)
  const version = secret && (await secrets.findVersion(secret.id, secret.currentVersion))
  if (version === undefined) return err(fault('SSH_CREDENTIAL_INVALID', { detail: 'the secret of the host is gone' }))
  const privateKey = await source.read(version.storePath, version.storeVersion)
  return privateKey.ok ? ok({ privateKey: privateKey.value, certificate: undefined }) : privateKey
}

import { readFile } from 'node:fs/promises'
import type { AccountKeys } from '../../domain/certificates/account-keys.ts'
import type { CertificateAuthority } from '../../domain/certificates/certificate-authority.ts'
import type { ChallengeResponder } from '../../domain/certificates/challenge-responder.ts'
import type { ChallengeStore } from '../../domain/certificates/challenge-store.ts'
import type { Clock } from '../../kernel/clock.ts'
import { must } from '../../kernel/fault.ts'
import type { Log } from '../../kernel/log.ts'
import { Secret } from '../../kernel/secret.ts'
import { AcmeAuthority } from './acme-authority.ts'
import { AcmeClient } from './acme-client.ts'
import { type Dns01Config, dns01Service, type ReadSetting } from './dns01-service.ts'
import { http01Responder, listenForHttp01 } from './http01.ts'

/** The settings under `acme`, checked. */
export interface AcmeConfig {
  readonly issuers: readonly {
    readonly name: string
    readonly directoryUrl: string
    readonly caFile?: string
    readonly contact?: string
    readonly eab?: { readonly keyId: string; readonly hmacKeyFile: string }
    readonly profile?: string
  }[]
  readonly http01?: { readonly host: string; readonly port: number }
  readonly dns01?: Dns01Config
}

export interface AcmeDeps {
  readonly keys: Pick<AccountKeys, 'obtain'>
  readonly challenges: Pick<ChallengeStore, 'put' | 'find' | 'remove'>
  readonly readSetting: ReadSetting
  readonly clock: Clock
  readonly log: Log
}

export interface Acme {
  readonly authorities: readonly CertificateAuthority[]
  close(): Promise<void>
}

/** The ACME servers of the configuration, and what answers their challenges. Nothing is asked of them yet. @throws FaultError */
export async function openAcme({ issuers, http01, dns01 }: AcmeConfig, deps: AcmeDeps): Promise<Acme> {
  const clients: AcmeClient[] = []
  const responders: ChallengeResponder[] = []
  if (http01 !== undefined) responders.push(http01Responder(deps.challenges, deps.clock))
  if (dns01 !== undefined) responders.push(await dns01Service(dns01, deps.readSetting))
  const authorities: CertificateAuthority[] = []
  for (const { name, directoryUrl, caFile, contact, eab, profile } of issuers) {
    const settings = {
      directoryUrl,
      ...(caFile === undefined ? {} : { ca: await readFile(caFile, 'utf8') }),
      ...(contact === undefined ? {} : { contact }),
      ...(eab === undefined
        ? {}
        : { eab: { keyId: eab.keyId, hmacKey: new Secret((await readFile(eab.hmacKeyFile, 'utf8')).trim()) } }),
    }
    const client = new AcmeClient(settings, async () => must(await deps.keys.obtain(directoryUrl)))
    clients.push(client)
    authorities.push(new AcmeAuthority({ name, client, profile, responders }))
  }
  const listener = http01 === undefined ? undefined : await listenForHttp01(http01, deps.challenges, deps.log)
  return {
    authorities,
    async close() {
      await listener?.close()
      for (const client of clients) client.close()
    },
  }
}

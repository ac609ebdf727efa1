import { readFile } from 'node:fs/promises'
import type { AccountKeys } from '../../domain/certificates/account-keys.ts'
import type { CertificateAuthority } from '../../domain/certificates/certificate-authority.ts'
import type { ChallengeResponder } from '../../domain/certificates/challenge-responder.ts'
import type { ChallengeStore } from '../../domain/certificates/challenge-store.ts'
import type { Clock } from '../../kernel/clock.ts'
import { FaultError, fault, must } from '../../kernel/fault.ts'
import type { Log } from '../../kernel/log.ts'
import { Secret } from '../../kernel/secret.ts'
import { AcmeAuthority } from './acme-authority.ts'
import { AcmeClient } from './acme-client.ts'
import { cloudflareDns01, webhookDns01 } from './dns01.ts'
import { http01Responder, listenForHttp01 } from './http01.ts'
import { memberOf, textAt } from './json-members.ts'

/** An order is given up after a quarter of an hour. */
const PROPAGATION_SECONDS_MAX = 600

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
  readonly dns01?: { readonly provider: 'webhook' | 'cloudflare'; readonly credentialsFile: string }
}

export interface AcmeDeps {
  readonly keys: Pick<AccountKeys, 'obtain'>
  readonly challenges: Pick<ChallengeStore, 'put' | 'find' | 'remove'>
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
  if (dns01 !== undefined) responders.push(dnsResponder(dns01.provider, await credentials(dns01.credentialsFile)))
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

/** `{"url", "token"}` for a webhook, `{"apiToken", "zoneId", "apiUrl", "propagationSeconds"}` for Cloudflare. */
function dnsResponder(provider: 'webhook' | 'cloudflare', given: unknown): ChallengeResponder {
  const needed = (name: string): string => {
    const value = textAt(given, name)
    if (value !== undefined && value !== '') return value
    throw new FaultError(
      fault('CONFIGURATION_INVALID', { message: `acme.dns01.credentialsFile: ${provider} needs the text "${name}"` }),
    )
  }
  if (provider === 'cloudflare')
    return cloudflareDns01({
      token: new Secret(needed('apiToken')),
      zoneId: textAt(given, 'zoneId'),
      apiUrl: textAt(given, 'apiUrl'),
      propagationSeconds: secondsAt(given, 'propagationSeconds'),
    })
  const token = textAt(given, 'token')
  return webhookDns01({ url: needed('url'), token: token === undefined ? undefined : new Secret(token) })
}

function secondsAt(given: unknown, name: string): number | undefined {
  const value = memberOf(given, name)
  if (value === undefined || (typeof value === 'number' && value >= 0 && value <= PROPAGATION_SECONDS_MAX)) return value
  throw new FaultError(
    fault('CONFIGURATION_INVALID', {
      message: `acme.dns01.credentialsFile: "${name}" is not a number from 0 to ${PROPAGATION_SECONDS_MAX}`,
    }),
  )
}

async function credentials(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch {
    throw new FaultError(
      fault('CONFIGURATION_INVALID', { message: 'acme.dns01.credentialsFile is no JSON file that can be read' }),
    )
  }
}

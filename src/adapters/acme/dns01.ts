import type { Challenge, ChallengeResponder } from '../../domain/certificates/challenge-responder.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { listAt, textAt } from '../../kernel/json-members.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Secret } from '../../kernel/secret.ts'
import { dnsAnswer } from './acme-client.ts'
import { ask, type HttpAnswer, type HttpQuestion, NoAnswer } from './https-request.ts'

const CLOUDFLARE = 'https://api.cloudflare.com/client/v4'
const TTL_SECONDS = 60
const PROPAGATION_SECONDS = 10

export interface WebhookSettings {
  readonly url: string
  /** Sent as bearer. */
  readonly token: Secret<string> | undefined
}

export interface CloudflareSettings {
  readonly token: Secret<string>
  /** Looked up by the domain when absent. */
  readonly zoneId: string | undefined
  /** For tests and proxies; Cloudflare's own when absent. */
  readonly apiUrl: string | undefined
  /** Until a record that was written is found at all name servers of the zone; 10 when absent. */
  readonly propagationSeconds: number | undefined
}

/** A TXT record that answers a dns-01 challenge (RFC 8555, section 8.4). */
interface TextRecord {
  readonly name: string
  readonly value: string
}

/**
 * Has somebody else publish the records: `POST {action: "present" | "cleanup", domain, name, value}`, to be answered with 2xx
 * once the record can be looked up.
 */
export function webhookDns01({ url, token }: WebhookSettings): ChallengeResponder {
  const send = async (action: string, challenge: Challenge) =>
    spoken(url, {
      method: 'POST',
      headers: headers(token),
      body: JSON.stringify({ action, domain: challenge.domain, ...recordOf(challenge) }),
    })
  return {
    type: 'dns-01',
    present: async (challenge) => done(await send('present', challenge), 0),
    remove: async (challenge) => void (await send('cleanup', challenge)),
  }
}

/** Publishes the records in a zone at Cloudflare. */
export function cloudflareDns01({
  token,
  zoneId,
  apiUrl = CLOUDFLARE,
  propagationSeconds = PROPAGATION_SECONDS,
}: CloudflareSettings): ChallengeResponder {
  const call = (method: HttpQuestion['method'], path: string, body?: object) =>
    spoken(`${apiUrl}${path}`, {
      method,
      headers: headers(token),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  const zoneOf = async (domain: string): Promise<Result<string, Fault>> => {
    if (zoneId !== undefined) return ok(zoneId)
    for (const name of parentsOf(domain)) {
      const found = await call('GET', `/zones?name=${encodeURIComponent(name)}`)
      if (!found.ok) return found
      const id = textAt(listAt(parsed(found.value), 'result')[0], 'id')
      if (id !== undefined && /^[a-z0-9]+$/i.test(id)) return ok(id)
    }
    return err(fault('CHALLENGE_IMPOSSIBLE', { message: `acme.dns01: Cloudflare has no zone for ${domain}` }))
  }
  const idsOf = async (zone: string, { name, value }: TextRecord): Promise<readonly string[]> => {
    const found = await call('GET', `/zones/${zone}/dns_records?type=TXT&name=${encodeURIComponent(name)}`)
    const records = found.ok ? listAt(parsed(found.value), 'result') : []
    const ours = records.filter((each) => textAt(each, 'content')?.replace(/^"(.*)"$/, '$1') === value)
    return ours.map((each) => textAt(each, 'id') ?? '').filter((id) => /^[a-z0-9]+$/i.test(id))
  }
  return {
    type: 'dns-01',
    present: async (challenge) => {
      const zone = await zoneOf(challenge.domain)
      if (!zone.ok) return zone
      const record = recordOf(challenge)
      const settleMs = propagationSeconds * 1000
      if ((await idsOf(zone.value, record)).length > 0) return ok({ settleMs })
      const { name, value } = record
      return done(
        await call('POST', `/zones/${zone.value}/dns_records`, { type: 'TXT', name, content: value, ttl: TTL_SECONDS }),
        settleMs,
      )
    },
    remove: async (challenge) => {
      const zone = await zoneOf(challenge.domain)
      if (!zone.ok) return
      for (const id of await idsOf(zone.value, recordOf(challenge)))
        await call('DELETE', `/zones/${zone.value}/dns_records/${id}`)
    },
  }
}

function recordOf({ domain, keyAuthorization }: Challenge): TextRecord {
  return { name: `_acme-challenge.${domain}`, value: dnsAnswer(keyAuthorization) }
}

function headers(token: Secret<string> | undefined): Readonly<Record<string, string>> {
  return {
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token.expose()}` }),
  }
}

async function spoken(url: string, question: HttpQuestion): Promise<Result<HttpAnswer, Fault>> {
  try {
    const answer = await ask(url, question)
    if (answer.status >= 200 && answer.status < 300) return ok(answer)
    return err(fault('ISSUER_UNAVAILABLE', { message: `The DNS service of acme.dns01 answers ${answer.status}` }))
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return err(fault('ISSUER_UNAVAILABLE', { message: `The DNS service of acme.dns01: ${error.message}` }))
  }
}

function done(answer: Result<HttpAnswer, Fault>, settleMs: number): Result<{ readonly settleMs: number }, Fault> {
  return answer.ok ? ok({ settleMs }) : answer
}

function parsed({ text }: HttpAnswer): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The domain and what lies above it, top-level domains aside. */
function parentsOf(domain: string): readonly string[] {
  const labels = domain.split('.')
  return labels.slice(0, -1).map((_, index) => labels.slice(index).join('.'))
}

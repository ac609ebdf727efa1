import { readFile } from 'node:fs/promises'
import type { ChallengeResponder } from '../../domain/certificates/challenge-responder.ts'
import { FaultError, type Fault, fault } from '../../kernel/fault.ts'
import { memberOf, textAt } from '../../kernel/json-members.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { Secret } from '../../kernel/secret.ts'
import { cloudflareDns01, webhookDns01 } from './dns01.ts'

/** An order is given up after a quarter of an hour. */
const PROPAGATION_SECONDS_MAX = 600

type Provider = 'webhook' | 'cloudflare'

/** The settings under `acme.dns01`, checked: one of file and secret. */
export interface Dns01Config {
  readonly provider: Provider
  readonly credentialsFile?: string
  readonly credentialsSecret?: string
}

/** Reads the current value of a shared secret by its name. */
export type ReadSetting = (name: string) => Promise<Result<Secret<string>, Fault>>

/**
 * The DNS service of the configuration. Credentials in a file are read once; those in a secret each time, so that a new
 * version counts from the next order on.
 * @throws FaultError with CONFIGURATION_INVALID for a file that says nothing usable
 */
export async function dns01Service(
  { provider, credentialsFile, credentialsSecret }: Dns01Config,
  readSetting: ReadSetting,
): Promise<ChallengeResponder> {
  if (credentialsSecret === undefined) {
    const place = 'acme.dns01.credentialsFile'
    const text = await readFile(credentialsFile ?? '', 'utf8').catch(() => '')
    const made = responderOf(provider, text, place)
    if (made.ok) return made.value
    throw new FaultError(made.error)
  }
  const current = async (): Promise<Result<ChallengeResponder, Fault>> => {
    const value = await readSetting(credentialsSecret)
    return value.ok ? responderOf(provider, value.value.expose(), 'acme.dns01.credentialsSecret') : value
  }
  return {
    type: 'dns-01',
    present: async (challenge) => {
      const responder = await current()
      return responder.ok ? responder.value.present(challenge) : responder
    },
    remove: async (challenge) => {
      const responder = await current()
      if (responder.ok) await responder.value.remove(challenge)
    },
  }
}

/** `{"url", "token"}` for a webhook, `{"apiToken", "zoneId", "apiUrl", "propagationSeconds"}` for Cloudflare. */
function responderOf(provider: Provider, text: string, place: string): Result<ChallengeResponder, Fault> {
  const given = parsed(text)
  const wrong = (problem: string) => err(fault('CONFIGURATION_INVALID', { message: `${place}: ${problem}` }))
  if (memberOf(given) === undefined) return wrong('what it names is not there, or no JSON')
  const needed = provider === 'cloudflare' ? 'apiToken' : 'url'
  const value = textAt(given, needed) ?? ''
  if (value === '') return wrong(`${provider} needs the text "${needed}"`)
  if (provider === 'webhook') {
    const token = textAt(given, 'token')
    return ok(webhookDns01({ url: value, token: token === undefined ? undefined : new Secret(token) }))
  }
  const seconds = memberOf(given, 'propagationSeconds')
  if (!isSeconds(seconds)) return wrong(`"propagationSeconds" is not a number from 0 to ${PROPAGATION_SECONDS_MAX}`)
  const [zoneId, apiUrl] = [textAt(given, 'zoneId'), textAt(given, 'apiUrl')]
  return ok(cloudflareDns01({ token: new Secret(value), zoneId, apiUrl, propagationSeconds: seconds }))
}

function isSeconds(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === 'number' && value >= 0 && value <= PROPAGATION_SECONDS_MAX)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

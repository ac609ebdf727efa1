import { parseCidr } from '../kernel/cidr.ts'
import { isLoopback } from '../kernel/loopback.ts'
import type { Secret } from '../kernel/secret.ts'
import { acmeProblems } from './acme-problems.ts'
import type { Config } from './config.schema.ts'
import type { ConfigProblem } from './config-problem.ts'
import { certificatesProblem, fileProblem, keyFileProblem } from './file-problems.ts'
import { keyFileOf } from './key-file-setting.ts'
import { plaintextProblem } from './plaintext-problem.ts'

/** What no schema can say about settings of the right form. */
export async function settingProblems(config: Config): Promise<readonly ConfigProblem[]> {
  const { http, egress, policy, database, vault, launcher, notifications, acme } = config
  return [
    plaintextProblem(config),
    database.url && databaseUrlProblem(database.url),
    isTimeZone(policy.timeZone) ? undefined : { place: 'policy.timeZone', problem: 'is no time zone known here' },
    placeProblem('policy.source', policy.source),
    placeProblem('policy.statusUrl', policy.statusUrl),
    placeProblem('policy.logsUrl', policy.logsUrl),
    policy.sourceCaFile === undefined
      ? undefined
      : await certificatesProblem('policy.sourceCaFile', policy.sourceCaFile),
    ...(await Promise.all(policy.publicKeys.map((key) => fileProblem('policy.publicKeys', keyFileOf(key).file)))),
    ...http.trustedProxies.map((text) => networkProblem('http.trustedProxies', text)),
    ...egress.privateCidrs.map((text) => networkProblem('egress.privateCidrs', text)),
    http.tls && (await fileProblem('http.tls.certFile', http.tls.certFile)),
    http.tls && (await keyFileProblem('http.tls.keyFile', http.tls.keyFile)),
    ...(vault.address === undefined
      ? []
      : [addressProblem('vault.address', vault.address), ...loginProblems(vault.auth)]),
    webhookProblem(notifications.webhook),
    ...(launcher.oidc === undefined ? [] : launcherProblems(launcher.oidc)),
    launcher.oidc?.jwksFile === undefined
      ? undefined
      : await fileProblem('launcher.oidc.jwksFile', launcher.oidc.jwksFile),
    vault.caFile === undefined ? undefined : await certificatesProblem('vault.caFile', vault.caFile),
    vault.pkiRole !== undefined && vault.mounts.pki === undefined
      ? { place: 'vault.pkiRole', problem: 'is given without vault.mounts.pki, so nothing would be signed under it' }
      : undefined,
    ...(await acmeProblems(acme)),
  ].filter((problem) => problem !== undefined)
}

function launcherProblems({ jwksFile, jwksUrl }: NonNullable<Config['launcher']['oidc']>): ConfigProblem[] {
  const problem = (name: string, text: string): ConfigProblem => ({ place: `launcher.oidc.${name}`, problem: text })
  if (jwksFile === undefined && jwksUrl === undefined)
    return [problem('jwksUrl', "is needed, or jwksFile: the issuer's keys have to come from somewhere")]
  if (jwksFile !== undefined && jwksUrl !== undefined)
    return [problem('jwksFile', "is given beside jwksUrl; the issuer's keys come from one place")]
  // Whoever stands between could put keys of their own in the answer.
  const isOpen = jwksUrl?.startsWith('http:') === true && !isLoopback(new URL(jwksUrl).hostname)
  return isOpen ? [problem('jwksUrl', 'must be https, since these keys say who is believed')] : []
}

/** Who stands in between could keep bundles and reports from where they go, and would learn the credential. */
function placeProblem(place: string, url: string | undefined): ConfigProblem | undefined {
  if (url === undefined) return undefined
  if (!URL.canParse(url)) return { place, problem: 'is no URL' }
  const isOpen = url.startsWith('http:') && !isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''))
  return isOpen ? { place, problem: 'must be https, or http to this machine' } : undefined
}

/** Who listens in between would learn who asks for what. */
function webhookProblem(webhook: Config['notifications']['webhook']): ConfigProblem | undefined {
  const place = 'notifications.webhook.url'
  const url = webhook?.url.expose()
  if (url === undefined) return undefined
  if (!URL.canParse(url)) return { place, problem: 'is no URL' }
  const isOpen = url.startsWith('http:') && !isLoopback(new URL(url).hostname)
  return isOpen ? { place, problem: 'must be https, since notices name agents and resources' } : undefined
}

/** What the login method in force needs. */
function loginProblems(auth: Config['vault']['auth']): ConfigProblem[] {
  const needed = { token: ['token'], approle: ['roleId', 'secretId'], kubernetes: ['role'] } as const
  return needed[auth.method]
    .filter((name) => auth[name] === undefined)
    .map((name) => ({ place: `vault.auth.${name}`, problem: `is needed to log in by ${auth.method}` }))
}

function addressProblem(place: string, address: string): ConfigProblem | undefined {
  const isPlain = URL.canParse(address) && !/[?#]/.test(address)
  return isPlain ? undefined : { place, problem: 'is no URL of scheme, host, port and path alone' }
}

/** Found here, since the system's own error about such a URL quotes it with its password. */
function databaseUrlProblem(url: Secret<string>): ConfigProblem | undefined {
  try {
    decodeURIComponent(new URL(url.expose()).href)
    return undefined
  } catch {
    return {
      place: 'database.url',
      problem:
        'is no valid URL: percent-encode special characters in user and password (/ # ? @ % as %2F %23 %3F %40 %25)',
    }
  }
}

function isTimeZone(timeZone: string): boolean {
  try {
    return Intl.DateTimeFormat('en-US', { timeZone }) instanceof Intl.DateTimeFormat
  } catch {
    return false
  }
}

function networkProblem(place: string, text: string): ConfigProblem | undefined {
  if (parseCidr(text) !== undefined) return undefined
  return { place, problem: `has ${text}, which is not a network such as 10.0.0.0/24, without bits after the prefix` }
}

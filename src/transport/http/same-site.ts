import { isIP } from 'node:net'

/** Under which names the gateway is reached. */
export interface SiteNames {
  /** The address it listens on. */
  readonly host: string
  readonly publicUrl?: string | undefined
  /** Further origins whose pages may call it. */
  readonly allowedOrigins: readonly string[]
}

/**
 * Whether a request is meant for this gateway and comes from no foreign page. A page of a foreign site that had its name
 * resolve to this machine (DNS rebinding) still sends its own name as Host, and browsers send the Origin of the page.
 * @param host the `Host` header
 * @param origin the `Origin` header; programs that are no browsers send none
 */
export function isSameSite(names: SiteNames, host: string | undefined, origin: string | undefined): boolean {
  const hostName = hostNameOf(`http://${host ?? ''}`)
  if (hostName === undefined || !isOwnName(names, hostName)) return false
  if (origin === undefined || names.allowedOrigins.includes(origin)) return true
  if (origin === originOf(names.publicUrl ?? '')) return true
  const originName = hostNameOf(origin)
  return (
    originName !== undefined &&
    (isLoopbackName(originName) || originName === hostNameOf(`http://${hostInUrl(names.host)}`))
  )
}

function isOwnName({ host, publicUrl }: SiteNames, name: string): boolean {
  if (isLoopbackName(name) || name === hostNameOf(`http://${hostInUrl(host)}`)) return true
  if (publicUrl !== undefined && name === hostNameOf(publicUrl)) return true
  // Listening on every address, the gateway is meant by each of them. An address in the Host header cannot be rebound.
  return isUnspecified(host) && isIP(withoutBrackets(name)) !== 0
}

function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(name)
}

function isUnspecified(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** Lower case, without port, IPv6 in brackets; undefined for what is no plain http(s) address. */
function hostNameOf(url: string): string | undefined {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || parsed.hostname === '' || parsed.username !== '' || parsed.password !== '')
    return undefined
  return /^https?:$/.test(parsed.protocol) ? parsed.hostname : undefined
}

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined
}

function hostInUrl(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host
}

function withoutBrackets(name: string): string {
  return name.replace(/^\[(.*)\]$/, '$1')
}

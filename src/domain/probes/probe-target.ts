import { canonicalIp, ipClass } from '../../kernel/ip-class.ts'

/** Where a probe goes. */
export interface ProbeTarget {
  /** The one text of it: an https URL as it was given, or `host:port`. */
  readonly text: string
  /** `https` asks for an HTTP answer as well, `tls` ends with the handshake. */
  readonly scheme: 'https' | 'tls'
  /** DNS name in lower case, or the address, IPv6 without brackets. */
  readonly host: string
  readonly isIp: boolean
  readonly port: number
  /** With the query; empty for `tls`. */
  readonly path: string
}

export const probeTargetCharactersMax = 2048
const HTTPS_PORT = 443
const HOST_CHARACTERS_MAX = 253

/**
 * Reads an https URL or `host:port`. Only the one canonical way to write a host is taken: no decimal, octal, hexadecimal or
 * short IPv4, no IPv6 that embeds IPv4, no zone id, user info, fragment, trailing dot, percent-encoding or other scheme.
 * What is refused here cannot be read in two ways by two parsers.
 * @returns undefined for anything else
 */
export function parseProbeTarget(text: string): ProbeTarget | undefined {
  if (text.length > probeTargetCharactersMax) return undefined
  const [, url, hostText = '', portText, path] =
    /^(https:\/\/)?(\[[0-9a-f:]+\]|[a-z0-9_.-]+)(?::([1-9][0-9]{0,4}))?((?:\/[!$&-;=?-Z_a-z~%]*)?)$/i.exec(text) ?? []
  const host = canonicalHost(hostText.toLowerCase())
  const port = portText === undefined ? HTTPS_PORT : Number(portText)
  if (host === undefined || port > 65_535) return undefined
  if (url === undefined && (path !== '' || portText === undefined)) return undefined
  const isIp = canonicalIp(host) !== undefined
  const place = placeOf({ host, port })
  if (url === undefined) return { text: place, scheme: 'tls', host, isIp, port, path: '' }
  if (!URL.canParse(text) || new URL(text).username !== '') return undefined
  const requested = path === undefined || path === '' ? '/' : path
  return { text: `https://${place}${requested}`, scheme: 'https', host, isIp, port, path: requested }
}

/**
 * Whether a group's entry covers the target: `host:port`, where `*` stands for any characters within one label and, as the
 * port, for every port. Without a port, 443 is meant. An asterisk in the host covers no IPv6 address and no localhost.
 */
export function covers(entry: string, target: Pick<ProbeTarget, 'host' | 'port' | 'isIp'>): boolean {
  const [, host = '', port = String(HTTPS_PORT)] = /^(\[[^\]]*\]|[^:]*)(?::([0-9]+|\*))?$/.exec(entry) ?? []
  if (host === '' || (port !== '*' && Number(port) !== target.port)) return false
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  if (!bare.includes('*')) return bare === target.host || (target.isIp && canonicalIp(bare) === target.host)
  // Asterisks stand for names of the network: this machine, and addresses of another shape, are listed as such.
  if (target.host.includes(':') || isOfThisMachine(target.host)) return false
  const [labels, wanted] = [target.host.split('.'), bare.split('.')]
  return labels.length === wanted.length && wanted.every((glob, index) => matchesLabel(glob, labels[index] ?? ''))
}

/** RFC 6761, section 6.3. */
function isOfThisMachine(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost')
}

function matchesLabel(glob: string, label: string): boolean {
  const parts = glob.split('*')
  const [first = '', last = ''] = [parts[0], parts.at(-1)]
  if (parts.length === 1) return glob === label
  if (!label.startsWith(first) || !label.slice(first.length).endsWith(last)) return false
  let rest = label.slice(first.length, label.length - last.length)
  for (const part of parts.slice(1, -1)) {
    const at = rest.indexOf(part)
    if (at < 0) return false
    rest = rest.slice(at + part.length)
  }
  return true
}

function placeOf({ host, port }: Pick<ProbeTarget, 'host' | 'port'>): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function canonicalHost(text: string): string | undefined {
  if (text.startsWith('[')) {
    const bare = text.slice(1, -1)
    return canonicalIp(bare) === bare && !embedsIpv4(bare) ? bare : undefined
  }
  if (text.length > HOST_CHARACTERS_MAX) return undefined
  const labels = text.split('.')
  if (!labels.every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))) return undefined
  // What ends in a number is an IPv4 address to some parsers, in whatever base (WHATWG URL, "ends in a number").
  const last = labels.at(-1) ?? ''
  if (!/^(?:[0-9]+|0x[0-9a-f]*)$/.test(last)) return text
  return labels.length === 4 && canonicalIp(text) === text ? text : undefined
}

function embedsIpv4(ip: string): boolean {
  return ip !== '::1' && (ipClass(ip) === 'reserved' || ip.startsWith('::'))
}

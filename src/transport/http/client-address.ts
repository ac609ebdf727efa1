import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { inCidrs } from '../../kernel/cidr.ts'

/**
 * The real address of a client: the peer, or, behind trusted proxies, the right-most hop of `X-Forwarded-For` that is not
 * one of them. What stands left of that hop is anybody's claim and is never looked at. Where a hop is no address, nobody
 * knows who the client is, and it must not pass for the proxy that wrote the hop.
 * @param peer the socket's remote address
 * @param forwardedFor the header, several of them joined with commas
 * @param trustedProxies networks in CIDR notation
 * @returns the address in canonical form, IPv4-mapped IPv6 as IPv4; '' when it is unknown, which is in no network
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: string | undefined,
  trustedProxies: readonly string[],
): string {
  let address = canonicalAddress(peer ?? '') ?? ''
  const hops = forwardedFor?.split(',') ?? []
  while (hops.length > 0 && inCidrs(address, trustedProxies)) {
    address = canonicalAddress(withoutPort(hops.pop()?.trim() ?? '')) ?? ''
  }
  return address
}

function canonicalAddress(text: string): string | undefined {
  const address = text.replace(/%.*$/, '')
  return isIP(address) === 0 ? undefined : ipaddr.process(address).toString()
}

/** Some proxies write `192.0.2.1:4711` and `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  const [, v6, v4] = /^(?:\[([^\]]+)\](?::\d+)?|([\d.]+):\d+)$/.exec(hop) ?? []
  return v6 ?? v4 ?? hop
}

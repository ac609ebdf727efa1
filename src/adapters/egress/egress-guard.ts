import { lookup } from 'node:dns/promises'
import { connect as dial, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Destination, DestinationClass } from '../../domain/probes/prober.ts'
import type { Reachability } from '../../domain/probes/probe-verdict.ts'
import { inCidrs } from '../../kernel/cidr.ts'
import { canonicalIp, ipClass, isSameAddress } from '../../kernel/ip-class.ts'
import { err, ok, type Result } from '../../kernel/result.ts'

const RESOLVE_MS = 3_000
/** More addresses than this of one name are not looked at. */
const addressesMax = 8

/** From the worst to the best; a name is as good as its worst address. */
const classes: readonly DestinationClass[] = [
  'metadata',
  'reserved',
  'multicast',
  'link_local',
  'loopback',
  'private',
  'private_permitted',
  'public',
]

type Connect = (to: { readonly host: string; readonly port: number }) => Socket

export interface EgressSettings {
  /** Loopback and private networks that may be reached. */
  readonly privateCidrs: readonly string[]
  /** All addresses of a name; rejects when there are none. */
  readonly resolve?: (host: string) => Promise<readonly string[]>
  readonly connect?: Connect
}

/**
 * The only way out of the gateway to places that others name. A host is resolved once, its addresses are classified by their
 * bytes, and a connection is made to exactly such an address and looked at again once it stands, so that neither a spelling
 * nor a second answer of the DNS leads elsewhere.
 */
export class EgressGuard {
  readonly #privateCidrs: readonly string[]
  readonly #resolve: (host: string) => Promise<readonly string[]>
  readonly #connect: Connect

  constructor({ privateCidrs, resolve = systemResolve, connect = (to) => dial(to) }: EgressSettings) {
    this.#privateCidrs = privateCidrs
    this.#resolve = resolve
    this.#connect = connect
  }

  /** @param isIp the host is an address already and nobody is asked */
  async locate({ host, isIp }: { readonly host: string; readonly isIp: boolean }): Promise<Destination> {
    const found = isIp ? [host] : await this.#ask(host)
    const addresses = [...new Set(found.map((ip) => canonicalIp(ip) ?? ip))].slice(0, addressesMax)
    const present = addresses.map((ip) => this.classOf(ip))
    return { addresses, ipClass: classes.find((each) => present.includes(each)) ?? 'unresolved' }
  }

  classOf(ip: string): DestinationClass {
    const is = ipClass(ip)
    return (is === 'loopback' || is === 'private') && inCidrs(ip, this.#privateCidrs) ? 'private_permitted' : is
  }

  /** @returns the open connection, to be destroyed by whoever asked for it, or why there is none */
  async open(ip: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<Result<Socket, Reachability>> {
    const is = this.classOf(ip)
    if (is !== 'public' && is !== 'private_permitted') return err('forbidden')
    const opened = await connected(this.#connect, ip, port, timeoutMs, signal)
    if (!opened.ok || isSameAddress(opened.value.remoteAddress ?? '', ip)) return opened
    opened.value.destroy()
    return err('forbidden')
  }

  async #ask(host: string): Promise<readonly string[]> {
    const late = new AbortController()
    try {
      return await Promise.race([this.#resolve(host), pause(RESOLVE_MS, [], { signal: late.signal })])
    } catch {
      return []
    } finally {
      late.abort()
    }
  }
}

async function systemResolve(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address)
}

function connected(
  connect: Connect,
  host: string,
  port: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Result<Socket, Reachability>> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (result: Result<Socket, Reachability>): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', cut)
      if (!result.ok) socket.destroy()
      resolve(result)
    }
    const cut = (): void => end(err('failed'))
    const timer = setTimeout(() => end(err('timeout')), timeoutMs)
    socket.once('connect', () => end(ok(socket)))
    socket.on('error', (error: NodeJS.ErrnoException) => end(err(reachabilityOf(error.code))))
    if (signal.aborted) cut()
    else signal.addEventListener('abort', cut, { once: true })
  })
}

function reachabilityOf(code: string | undefined): Reachability {
  if (code === 'ECONNREFUSED') return 'refused'
  if (code === 'ETIMEDOUT') return 'timeout'
  return code === 'ENETUNREACH' || code === 'EHOSTUNREACH' || code === 'EADDRNOTAVAIL' ? 'no_route' : 'failed'
}

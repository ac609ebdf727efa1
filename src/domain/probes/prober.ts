import type { IpClass } from '../../kernel/ip-class.ts'
import type { AddressResult } from './probe-verdict.ts'
import type { ProbeTarget } from './probe-target.ts'

/** `private_permitted`: loopback or private, and in a network that the operator opened. */
export type DestinationClass = IpClass | 'private_permitted' | 'unresolved'

/** Where a target was found to be, once and for all: what is connected to is exactly this. */
export interface Destination {
  /** Without duplicates, in the resolver's order. */
  readonly addresses: readonly string[]
  /** The class of the worst address: one that must not be reached spoils the whole name. `unresolved` without addresses. */
  readonly ipClass: DestinationClass
}

/** The way to the outside for probes. */
export interface Prober {
  /** Resolves a target's host, an address without asking anybody. Never rejects. */
  locate(target: Pick<ProbeTarget, 'host' | 'isIp'>): Promise<Destination>
  /**
   * Connects to every address of the destination and tells what it found there. Never rejects; nothing is sent to an
   * address that may not be reached, and no body is ever read.
   * @param expected SHA-256 fingerprint that the endpoint should serve
   */
  probe(
    target: ProbeTarget,
    destination: Destination,
    expected: string | undefined,
    signal: AbortSignal,
  ): Promise<readonly AddressResult[]>
}

/** Whether nothing speaks against connecting to it. */
export function isReachable({ ipClass }: Pick<Destination, 'ipClass'>): boolean {
  return ipClass === 'public' || ipClass === 'private_permitted' || ipClass === 'unresolved'
}

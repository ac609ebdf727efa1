import { performance } from 'node:perf_hooks'
import { type Destination, isReachable, type Prober } from '../../domain/probes/prober.ts'
import { type AddressResult, judge, normalFingerprint, type Observation } from '../../domain/probes/probe-verdict.ts'
import type { ProbeTarget } from '../../domain/probes/probe-target.ts'
import type { EgressGuard } from './egress-guard.ts'
import { requestHead } from './http-head.ts'
import { requestHttp2Head } from './http2-head.ts'
import { shakeHands } from './tls-handshake.ts'

/** How long each step may take, in milliseconds. */
export interface ProbeTimes {
  readonly connectMs: number
  readonly tlsMs: number
  readonly firstByteMs: number
}

const times: ProbeTimes = { connectMs: 3_000, tlsMs: 4_000, firstByteMs: 5_000 }

const nothing: Omit<Observation, 'address' | 'reachability'> = {
  tls: null,
  chain: null,
  hostnameMatches: null,
  httpStatus: null,
  hsts: null,
  timings: { connectMs: null, tlsMs: null, firstByteMs: null },
  problem: null,
}

/** How Node names the alert of RFC 7301, section 3.2. */
const NO_COMMON_PROTOCOL = 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'

const untouched = { scheme: 'tls', isIp: true, isPrivate: false, expected: undefined, nowMs: 0 } as const

function forbidden(address: string): Observation {
  return { ...nothing, address, reachability: 'forbidden', problem: 'forbidden' }
}

/** Probes over the egress guard: a handshake with every address, and for an https URL the head of one answer. */
export function createProber(guard: EgressGuard, clock: { now(): number }, limits: ProbeTimes = times): Prober {
  const probeAddress = async (
    target: ProbeTarget,
    address: string,
    expected: string | undefined,
    signal: AbortSignal,
  ): Promise<AddressResult> => {
    const seen = await observeInAnyHttp({ guard, target, address, limits, signal })
    const isPrivate = guard.classOf(address) === 'private_permitted'
    const { scheme, isIp } = target
    return judge(seen, {
      scheme,
      isIp,
      isPrivate,
      expected: expected === undefined ? undefined : normalFingerprint(expected),
      nowMs: clock.now(),
    })
  }
  return {
    locate: (target) => guard.locate(target),
    probe: async (target, destination: Destination, expected, signal) => {
      const { addresses } = destination
      if (!isReachable(destination)) return addresses.map((address) => judge(forbidden(address), untouched))
      return Promise.all(addresses.map((address) => probeAddress(target, address, expected, signal)))
    },
  }
}

interface Look {
  readonly guard: EgressGuard
  readonly target: ProbeTarget
  readonly address: string
  readonly limits: ProbeTimes
  readonly signal: AbortSignal
}

/** HTTP/1.1 first, whose answer is read byte by byte; HTTP/2 where the endpoint speaks nothing else. */
async function observeInAnyHttp(look: Look): Promise<Observation> {
  // Where nothing is asked over it, whatever the endpoint speaks will do.
  if (look.target.scheme === 'tls') return observe(look, ['h2', 'http/1.1'])
  const seen = await observe(look, ['http/1.1'])
  return seen.problem === NO_COMMON_PROTOCOL ? observe(look, ['h2']) : seen
}

async function observe(
  { guard, target, address, limits, signal }: Look,
  protocols: readonly string[],
): Promise<Observation> {
  const startedMs = performance.now()
  const opened = await guard.open(address, target.port, limits.connectMs, signal)
  if (!opened.ok) return { ...nothing, address, reachability: opened.error, problem: opened.error }
  const connectMs = since(startedMs)
  const reached = { ...nothing, address, reachability: 'reached' } as const
  try {
    const tlsStartedMs = performance.now()
    const { host, isIp } = target
    const shaken = await shakeHands(opened.value, { host, isIp, protocols, timeoutMs: limits.tlsMs, signal })
    if (!shaken.ok) return { ...reached, timings: { ...nothing.timings, connectMs }, problem: shaken.error }
    const { socket, ...served } = shaken.value
    const timings = { ...nothing.timings, connectMs, tlsMs: since(tlsStartedMs) }
    if (target.scheme === 'tls') return { ...reached, ...served, timings }
    const askedMs = performance.now()
    const ask = served.tls?.alpn === 'h2' ? requestHttp2Head : requestHead
    const head = await ask(socket, target, limits.firstByteMs, signal)
    const answered = {
      ...reached,
      ...served,
      timings: { ...timings, firstByteMs: head.ok ? since(askedMs, head.value.firstByteAtMs) : null },
    }
    if (!head.ok) return { ...answered, problem: head.error }
    return { ...answered, httpStatus: head.value.status, hsts: head.value.hsts }
  } finally {
    opened.value.destroy()
  }
}

function since(startedMs: number, endedMs = performance.now()): number {
  return Math.round((endedMs - startedMs) * 10) / 10
}

import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { type Author, type Change, changeEntry } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import { type Probe, probeResource, resultDetails } from './probe.ts'
import type { ProbeStore } from './probe-store.ts'
import type { ProbeTarget } from './probe-target.ts'
import { normalFingerprint, overallVerdict } from './probe-verdict.ts'
import { type Destination, isReachable, type Prober } from './prober.ts'

/** Of one agent. */
export const probesPerMinuteMax = 60
const MINUTE_MS = 60_000

/** Finds the fingerprint that an endpoint should serve by the name of a certificate. */
export interface CertificateNames {
  /** SHA-256 of the certificate's current version; undefined when no certificate of that name lies in one of the groups. */
  fingerprintOf(name: string, groups: readonly string[]): Promise<string | undefined>
}

export interface RunProbeDeps {
  readonly inTransaction: InTransaction
  readonly clock: Clock
  readonly prober: Prober
  readonly certificateNames: CertificateNames
}

/** For whom events say that a probe was made. */
export interface ProbeAuthor {
  readonly by: Author
  readonly on: Pick<Change, 'agent' | 'tokenId' | 'sessionId'>
}

export interface NewProbe {
  /** The same for the same call, where it may be repeated; a new one when absent. */
  readonly id?: string
  readonly target: ProbeTarget
  /** Where the target was found when the policy was asked. */
  readonly destination: Destination
  readonly groups: readonly string[]
  readonly expectCertificate: string | undefined
  readonly everySeconds: number | undefined
}

/**
 * Puts a probe on record, looks at the endpoint for the first time, and puts on record what was seen.
 * The probe of a call that is repeated is found as it is, perhaps without a result yet.
 * @returns the probe with its result; PROBE_TARGET_FORBIDDEN for an address that must not be reached; PROBE_LIMIT
 * for an agent that made so many within a minute; REFERENCE_UNKNOWN for a
 * certificate that is none
 */
export async function createProbe(
  deps: RunProbeDeps,
  author: ProbeAuthor,
  asked: NewProbe,
  signal: AbortSignal,
): Promise<Result<Probe, Fault>> {
  const { target, destination, groups, expectCertificate: expected = null, everySeconds = null } = asked
  if (!isReachable(destination)) return err(fault('PROBE_TARGET_FORBIDDEN'))
  const fingerprint = await expectedFingerprint(deps, expected, groups)
  if (!fingerprint.ok) return fingerprint
  const createdAt = new Date(deps.clock.now())
  const { id = newId('prb') } = asked
  const created = await deps.inTransaction(async (work) => {
    const known = await work.probes.find(id)
    if (known !== undefined) return ok({ probe: known, isNew: false })
    if (author.on.agent !== undefined && (await isAtLimit(work.probes, author, createdAt)))
      return err(fault('PROBE_LIMIT'))
    const draft = { id, target: target.text, expectCertificate: expected, everySeconds, groups, createdAt }
    const nextAt = everySeconds === null ? null : new Date(createdAt.getTime() + everySeconds * 1000)
    const probe = await work.probes.insert({ ...draft, createdBy: author.by.actor.id }, nextAt)
    if (probe === undefined) return ok({ probe: await work.probes.need(id), isNew: false })
    const after = { target: probe.target, groups: [...probe.groups], expectCertificate: expected, everySeconds }
    const change = { type: 'PROBE_CREATED', resource: probeResource(probe), ...author.on } as const
    work.record(changeEntry(author.by, { ...change, details: { before: null, after } }))
    return ok({ probe, isNew: true })
  })
  if (!created.ok) return created
  const { probe, isNew } = created.value
  if (!isNew) return ok(probe)
  return look(deps, author, { probe, target, destination, fingerprint: fingerprint.value }, signal)
}

/** Over all tokens and replicas of the agent, exactly: of calls at once, each counts those before it. */
async function isAtLimit(probes: ProbeStore, { by }: ProbeAuthor, now: Date): Promise<boolean> {
  return (await probes.countBy(by.actor.id, new Date(now.getTime() - MINUTE_MS))) >= probesPerMinuteMax
}

interface Look {
  readonly probe: Probe
  readonly target: ProbeTarget
  readonly destination: Destination
  readonly fingerprint: string | undefined
}

/** Looks once and puts on record what was seen. No connection is open during the transaction. */
export async function look(
  deps: Pick<RunProbeDeps, 'inTransaction' | 'clock' | 'prober'>,
  { by, on }: ProbeAuthor,
  { probe, target, destination, fingerprint }: Look,
  signal: AbortSignal,
): Promise<Result<Probe, Fault>> {
  const addresses = await deps.prober.probe(target, destination, fingerprint, signal)
  const result = { at: new Date(deps.clock.now()), verdict: overallVerdict(addresses), addresses }
  return deps.inTransaction(async (work) => {
    const after = await work.probes.addResult(probe.id, result)
    const change = { type: 'PROBE_COMPLETED', resource: probeResource(after), ...on } as const
    work.record(changeEntry({ ...by, decision: null }, { ...change, details: resultDetails(result) }))
    return ok(after)
  })
}

/** @returns undefined when nothing is expected, or REFERENCE_UNKNOWN */
export async function expectedFingerprint(
  { certificateNames }: Pick<RunProbeDeps, 'certificateNames'>,
  expected: string | null,
  groups: readonly string[],
): Promise<Result<string | undefined, Fault>> {
  if (expected === null) return ok(undefined)
  const found = normalFingerprint(expected) ?? (await certificateNames.fingerprintOf(expected, groups))
  return found === undefined ? err(fault('REFERENCE_UNKNOWN', { message: `No certificate ${expected}` })) : ok(found)
}

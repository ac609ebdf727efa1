import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import { beyondReach } from '../groups/group-reach.ts'
import type { InTransaction } from '../work.ts'
import { type Probe, probeResource, probeView } from './probe.ts'
import type { UpdateProbe } from './probe.schema.ts'
import { type CertificateNames, expectedFingerprint } from './run-probe.ts'

export interface UpdateProbeDeps {
  readonly inTransaction: InTransaction
  readonly clock: Clock
  readonly certificateNames: CertificateNames
}

/**
 * Changes how often a probe looks, or stops it, and what it expects to be served. Only one who has all of its groups may.
 * @returns the changed probe; NOT_FOUND, GROUP_NOT_PERMITTED, or REFERENCE_UNKNOWN for a certificate that is none
 */
export async function updateProbe(
  deps: UpdateProbeDeps,
  by: Author,
  { id, groups }: Probe,
  changes: UpdateProbe,
): Promise<Result<Probe, Fault>> {
  const beyond = beyondReach(groups, by.groups, by.actor.name)
  if (beyond !== undefined) return err(beyond)
  const expected = await expectedFingerprint(deps, changes.expectCertificate ?? null, groups)
  if (!expected.ok) return expected
  return deps.inTransaction(async (work) => {
    const before = await work.probes.findForUpdate(id)
    if (before === undefined) return err(fault('NOT_FOUND', { message: `No probe ${id}` }))
    const { everySeconds = before.everySeconds, expectCertificate = before.expectCertificate } = changes
    const nextAt = everySeconds === null ? null : new Date(deps.clock.now() + everySeconds * 1000)
    const after = await work.probes.save({ ...before, everySeconds, expectCertificate }, nextAt)
    work.record(
      changeEntry(by, {
        type: 'PROBE_UPDATED',
        resource: probeResource(after),
        details: { before: settingsOf(before), after: settingsOf(after) },
      }),
    )
    return ok(after)
  })
}

function settingsOf(probe: Probe) {
  const { target, groups, expectCertificate, everySeconds } = probeView(probe)
  return { target, groups, expectCertificate, everySeconds }
}

import { systemAuthor } from '../audit/author.ts'
import type { Stores } from '../stores.ts'
import { parseProbeTarget } from './probe-target.ts'
import type { Probe } from './probe.ts'
import { expectedFingerprint, look, type RunProbeDeps } from './run-probe.ts'

/** Looks that one replica has under way at once. */
const probesAtOnce = 32
const PRUNE_BATCH_ROWS = 5_000
const RESULT_DAYS = 30
/** Where the certificate that is expected is gone, nothing that is served is right. */
const NOTHING_MATCHES = '0'.repeat(64)
const DAY_MS = 86_400_000

type Deps = RunProbeDeps & { readonly stores: Pick<Stores, 'probes'> }

/** Runs scheduled probes that are due. Safe on every replica at once: each probe is taken by one. @returns how many */
export async function runDueProbes(deps: Deps): Promise<number> {
  let total = 0
  for (;;) {
    const due = await deps.stores.probes.claimDue(new Date(deps.clock.now()), probesAtOnce)
    await Promise.all(due.map((probe) => lookAgain(deps, probe)))
    total += due.length
    if (due.length < probesAtOnce) return total
  }
}

/** Results are kept for 30 days, and so are probes that looked once. */
export async function pruneProbes({ stores, clock }: Pick<Deps, 'stores' | 'clock'>): Promise<void> {
  const before = new Date(clock.now() - RESULT_DAYS * DAY_MS)
  while ((await stores.probes.prune(before, PRUNE_BATCH_ROWS)) >= PRUNE_BATCH_ROWS);
}

async function lookAgain(deps: Deps, probe: Probe): Promise<void> {
  const target = parseProbeTarget(probe.target)
  if (target === undefined) throw new Error(`probe ${probe.id} has no canonical target`)
  const destination = await deps.prober.locate(target)
  const expected = await expectedFingerprint(deps, probe.expectCertificate, probe.groups)
  const fingerprint = expected.ok ? expected.value : NOTHING_MATCHES
  const author = { by: systemAuthor('run-due-probes'), on: {} }
  await look(deps, author, { probe, target, destination, fingerprint }, new AbortController().signal)
}

import { covers, parseProbeTarget } from '../../domain/probes/probe-target.ts'
import type { Probe } from '../../domain/probes/probe.ts'
import type { ProbeStore } from '../../domain/probes/probe-store.ts'
import type { Prober } from '../../domain/probes/prober.ts'
import type { GroupStore } from '../../domain/groups/group-store.ts'
import type { NamePage, Paged } from '../../domain/page.ts'
import type { Fault } from '../../kernel/fault.ts'
import { ok, type Result } from '../../kernel/result.ts'
import type { ProbeIdentified } from '../identify-probe.ts'

export interface ProbeShelfDeps {
  readonly probes: Pick<ProbeStore, 'listTargets' | 'latestOf'>
  readonly groups: Pick<GroupStore, 'withProbeTargets'>
  readonly prober: Pick<Prober, 'locate'>
}

/** An endpoint that an agent could probe, or read the latest probe of. */
export interface ListedEndpoint {
  readonly target: Extract<ProbeIdentified, { type: 'probe_target' }>
  /** Undefined while nobody probed it. */
  readonly probe: Probe | undefined
}

/**
 * Endpoints that a group of the agent registers by their full name, and those that were probed for it. No name is resolved:
 * what a name leads to is looked at when it is probed.
 */
export async function listedEndpoints(
  { probes, groups, prober }: ProbeShelfDeps,
  filter: { readonly groups: readonly string[]; readonly query: string },
  page: NamePage,
): Promise<Result<Paged<ListedEndpoint>, Fault>> {
  const found = await probes.listTargets(filter, page)
  if (!found.ok) return found
  const names = found.value.items.map(({ name }) => name)
  const latest = new Map((await probes.latestOf(names, filter.groups)).map((probe) => [probe.target, probe]))
  const registering = await groups.withProbeTargets()
  const items: ListedEndpoint[] = []
  for (const name of names) {
    const target = parseProbeTarget(name)
    const registered = registering.flatMap((group) => {
      const probeTargets = group.probeTargets.filter((entry) => target !== undefined && covers(entry, target))
      return probeTargets.length === 0 ? [] : [{ ...group, probeTargets }]
    })
    const located = target?.isIp === true ? { destination: await prober.locate(target) } : {}
    items.push({ target: { type: 'probe_target', name, target, registered, ...located }, probe: latest.get(name) })
  }
  return ok({ items, nextCursor: found.value.nextCursor })
}

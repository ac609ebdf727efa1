import type { Group } from '../domain/groups/group.ts'
import { covers, parseProbeTarget, type ProbeTarget } from '../domain/probes/probe-target.ts'
import type { Probe } from '../domain/probes/probe.ts'
import type { Destination, Prober } from '../domain/probes/prober.ts'
import type { Stores } from '../domain/stores.ts'
import { type ResourceInput, strictestEnvironment } from '../policy/input.ts'
import type { AgentCaller } from './caller.ts'
import type { ProbeName } from './resource-name.ts'

export type ProbeIdentified =
  | { readonly type: 'probe'; readonly name: string; readonly probe: Probe | undefined }
  | {
      readonly type: 'probe_target'
      readonly name: string
      /** Undefined when what was named is not in canonical form. */
      readonly target: ProbeTarget | undefined
      /** Groups that list the target, whoever's they are. */
      readonly registered: readonly Registration[]
      /** Left out when nobody was asked: a name that no group of the agent lists reaches no resolver. */
      readonly destination?: Destination
    }

type Registration = Pick<Group, 'name' | 'environment' | 'probeTargets'>

export type IdentifyProbe = (caller: AgentCaller, named: ProbeName) => Promise<ProbeIdentified>

/**
 * Finds what a call about probes is about. The host of a target is resolved here, once, and only if a group of the agent
 * lists it: else a name could carry a value to whoever answers for the domain, before any policy was asked.
 */
export function createIdentifyProbe({
  stores,
  prober,
}: {
  readonly stores: Pick<Stores, 'groups' | 'probes'>
  readonly prober: Pick<Prober, 'locate'>
}): IdentifyProbe {
  return async ({ standing }, { type, name }) => {
    const target = parseProbeTarget(name)
    if (type === 'probe') {
      const byTarget = target && (await stores.probes.findByTarget(target.text, standing.effectiveGroups))
      return { type, name, probe: byTarget ?? (await stores.probes.find(name)) }
    }
    if (target === undefined) return { type, name, target, registered: [] }
    const registered = (await stores.groups.withProbeTargets()).flatMap((group) => {
      const probeTargets = group.probeTargets.filter((entry) => covers(entry, target))
      return probeTargets.length === 0 ? [] : [{ ...group, probeTargets }]
    })
    const isOwn = registered.some((group) => standing.effectiveGroups.includes(group.name))
    if (!isOwn && !target.isIp) return { type, name: target.text, target, registered }
    return { type, name: target.text, target, registered, destination: await prober.locate(target) }
  }
}

/** A probe or its target as the policy sees it. */
export function probeInput(resource: ProbeIdentified): ResourceInput {
  if (resource.type === 'probe') {
    const { name, probe } = resource
    if (probe === undefined) return { type: 'probe', name, exists: false }
    const { id, target, groups, environment } = probe
    return { type: 'probe', id, name: target, groups, environment, exists: true }
  }
  const { name, registered } = resource
  return {
    type: 'probe',
    name,
    groups: registered.map((group) => group.name),
    environment: strictestEnvironment(registered.map(({ environment }) => environment)),
    probeTargets: registered.flatMap(({ probeTargets }) => probeTargets),
    exists: registered.length > 0,
  }
}

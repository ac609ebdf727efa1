import type { Effect, Scope } from '../../kernel/vocabulary.ts'
import type { OperatorCaller } from '../caller.ts'
import { type Identified, resourceInput } from '../identify.ts'
import type { ToolsOn } from '../tools/list-allowed-resources.ts'
import type { Registered, RegisteredType } from './registered.ts'
import type { SimulatedRights } from './simulated-callers.ts'
import type { SimulatedTool, Simulation, Verdict } from './simulation.ts'

/** What somebody could do now with one resource: the policy's answer, and the way that leads there. */
export interface Access extends Verdict {
  readonly action: string
  /** The MCP tool; null for what people do over REST. */
  readonly tool: string | null
  readonly path: readonly PathStep[]
  /** Ids of the agent's active tokens that reach as far; empty where one would have to be minted first, and for people. */
  readonly tokens: readonly string[]
}

/** One of the things that lead somebody to a resource. */
export interface PathStep {
  readonly kind: 'role' | 'scope' | 'group' | 'ownership'
  readonly name: string
}

/** What people do to a resource that gives them its value or power over it. To read its description is no access. */
const peopleActions = {
  secret: ['secret.reveal', 'secret.update', 'secret.restore', 'secret.delete'],
  host: ['host.update'],
  certificate: ['certificate.update', 'certificate.renew'],
} as const

/** The tools on a resource, one that hands out a certificate's key for itself: it is decided as another action. */
export function toolsOnRegistered(toolsOn: ToolsOn, type: RegisteredType): readonly SimulatedTool[] {
  return toolsOn[type].flatMap(({ name, action, inputSchema, scopes }): readonly SimulatedTool[] => {
    const tool = { name, action, inputSchema, scopes }
    if (action !== 'certificate.read') return [tool]
    return [tool, { ...tool, action: 'certificate.read_key', scopes: ['certificate:read'] }]
  })
}

/** What an agent could do with a resource, for each tool by whichever of its rights reaches furthest. */
export async function accessOfAgent(
  simulation: Simulation,
  rights: readonly SimulatedRights[],
  tools: readonly SimulatedTool[],
  resource: Identified,
): Promise<readonly Access[]> {
  const access: Access[] = []
  for (const tool of tools) {
    const answers: { readonly given: SimulatedRights; readonly verdict: Verdict }[] = []
    for (const given of rights) answers.push({ given, verdict: await simulation.call(given.caller, tool, resource) })
    const [best, ...others] = answers.sort((one, other) => reach(other.verdict) - reach(one.verdict))
    if (best === undefined) continue
    const alike = [best, ...others].filter(({ verdict }) => verdict.effect === best.verdict.effect)
    access.push({
      action: tool.action,
      tool: tool.name,
      ...best.verdict,
      path: agentPath(best.given, tool, resource),
      tokens: alike.flatMap(({ given }) => given.tokens),
    })
  }
  return access
}

/** What a person or a service could do with a resource over REST. */
export async function accessOfOperator(
  simulation: Simulation,
  caller: OperatorCaller,
  resource: Registered,
): Promise<readonly Access[]> {
  const access: Access[] = []
  for (const action of peopleActions[resource.type]) {
    const verdict = await simulation.operation(caller, action, resource.input)
    access.push({ action, tool: null, ...verdict, path: operatorPath(caller, resource), tokens: [] })
  }
  return access
}

const reaches: Record<Effect, number> = { deny: 0, require_approval: 1, allow: 2 }

function reach({ effect }: Verdict): number {
  return reaches[effect]
}

function agentPath({ caller }: SimulatedRights, tool: SimulatedTool, resource: Identified): readonly PathStep[] {
  const { effectiveScopes, effectiveGroups, agent } = caller.standing
  const input = resourceInput(resource)
  const isPrivate = input?.kind === 'private'
  const held = tool.scopes.filter((scope) => effectiveScopes.includes(scope) && isForKind(scope, input?.kind))
  const shared = isPrivate ? [] : effectiveGroups.filter((group) => input?.groups?.includes(group))
  return [
    ...steps('scope', held),
    ...steps('group', shared),
    ...steps('ownership', isPrivate && input.owner === agent.owner ? [agent.owner] : []),
  ]
}

function operatorPath({ id, name, role, groups }: OperatorCaller, resource: Registered): readonly PathStep[] {
  const shared = groups === 'every' ? [] : groups.filter((group) => resource.groups.includes(group))
  return [
    ...steps('role', [role]),
    ...steps('group', shared),
    ...steps('ownership', resource.ownerId === id ? [name] : []),
  ]
}

/** Shared and private secrets are read under a scope each. */
function isForKind(scope: Scope, kind: string | undefined): boolean {
  if (kind === 'private') return scope !== 'secret:read'
  return kind !== 'shared' || scope !== 'private_secret:read'
}

function steps(kind: PathStep['kind'], names: readonly string[]): PathStep[] {
  return names.map((name) => ({ kind, name }))
}

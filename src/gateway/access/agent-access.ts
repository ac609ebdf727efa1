import type { Agent } from '../../domain/agents/agent.ts'
import type { Paged } from '../../domain/page.ts'
import type { Fault } from '../../kernel/fault.ts'
import { ok, type Result } from '../../kernel/result.ts'
import { pageOf, type Shelf } from '../listing.ts'
import { type Access, accessOfAgent, toolsOnRegistered } from './access-of.ts'
import { type AccessDeps, rightsOf } from './access-deps.ts'
import {
  type Registered,
  registeredCertificate,
  registeredHost,
  registeredSecret,
  registeredView,
} from './registered.ts'
import type { SimulatedTool } from './simulation.ts'

/** What one agent could do with one resource; `resource` is null for tools that act on none. */
export interface AgentAccess {
  readonly resource: ReturnType<typeof registeredView> | null
  readonly actions: readonly Access[]
}

export interface AgentAccessQuestion {
  readonly agent: Agent
  /** Names of the groups whose resources may be shown to whoever asks; undefined: all. */
  readonly visible: readonly string[] | undefined
  /** Whether the names of its owner's private secrets may be shown. */
  readonly showsPrivate: boolean
}

/**
 * Everything an agent could do now and why: the tools of its scopes on every resource in its reach, each as the active
 * policy answers in simulation. A tool that the policy would refuse is shown with its reasons.
 * The resources are narrowed in SQL to the agent's groups, which is sound while no company rule allows across groups.
 * @returns ARGUMENT_INVALID when the cursor is not one of ours
 */
export async function agentAccess(
  deps: AccessDeps,
  { agent, visible, showsPrivate }: AgentAccessQuestion,
  page: { readonly cursor: string | undefined; readonly limit: number },
): Promise<Result<Paged<AgentAccess>, Fault>> {
  const { simulation, catalog } = deps
  const rights = await rightsOf(deps, agent)
  const held = new Set(rights.flatMap(({ caller }) => caller.standing.effectiveScopes))
  const inScope = ({ scopes }: SimulatedTool): boolean => scopes.some((scope) => held.has(scope))
  const tools = {
    none: catalog.tools.filter((tool) => inScope(tool) && !isOnResource(catalog.toolsOn, tool)),
    certificate: toolsOnRegistered(catalog.toolsOn, 'certificate').filter(inScope),
    host: toolsOnRegistered(catalog.toolsOn, 'host').filter(inScope),
    secret: toolsOnRegistered(catalog.toolsOn, 'secret').filter(inScope),
  }
  const groups = [...new Set(rights.flatMap(({ caller }) => caller.standing.effectiveGroups))].filter(
    (group) => visible === undefined || visible.includes(group),
  )
  const shelves = [
    ...(tools.none.length > 0 ? [toolShelf] : []),
    ...(tools.certificate.length > 0 ? [certificateShelf(deps, groups)] : []),
    ...(tools.host.length > 0 ? [hostShelf(deps, groups)] : []),
    ...(tools.secret.length > 0 && showsPrivate ? [secretShelf(deps, 'private', groups, agent)] : []),
    ...(tools.secret.length > 0 ? [secretShelf(deps, 'shared', groups, agent)] : []),
  ]
  const found = await pageOf(shelves, page)
  if (!found.ok) return found
  const items: AgentAccess[] = []
  for (const resource of found.value.items) {
    const [on, identified] =
      resource === null ? [tools.none, { type: 'none' } as const] : [tools[resource.type], resource.identified]
    items.push({
      resource: resource && registeredView(resource),
      actions: await accessOfAgent(simulation, rights, on, identified),
    })
  }
  return ok({ items, nextCursor: found.value.nextCursor })
}

/** The tools that act on no resource are together one row. */
const toolShelf: Shelf<Registered | null> = {
  kind: 'tool',
  page: async () => ok({ items: [null], nextCursor: null }),
}

function certificateShelf({ stores }: AccessDeps, groups: readonly string[]): Shelf<Registered | null> {
  return {
    kind: 'certificate',
    page: async (page) =>
      rowsOf(await stores.certificates.listReachable({ groups, query: '' }, page), registeredCertificate),
  }
}

function hostShelf({ stores }: AccessDeps, groups: readonly string[]): Shelf<Registered | null> {
  return {
    kind: 'host',
    page: async (page) => rowsOf(await stores.hosts.listReachable({ groups }, page), registeredHost),
  }
}

function secretShelf(
  { stores }: AccessDeps,
  kind: 'private' | 'shared',
  groups: readonly string[],
  { ownerId }: Agent,
): Shelf<Registered | null> {
  return {
    kind,
    page: async (page) => rowsOf(await stores.secrets.listReachable({ kind, groups, ownerId }, page), registeredSecret),
  }
}

function rowsOf<T>(found: Result<Paged<T>, Fault>, row: (item: T) => Registered): Result<Paged<Registered>, Fault> {
  return found.ok ? ok({ items: found.value.items.map(row), nextCursor: found.value.nextCursor }) : found
}

function isOnResource({ certificate, host, secret }: AccessDeps['catalog']['toolsOn'], tool: SimulatedTool): boolean {
  return [...certificate, ...host, ...secret].some(({ name }) => name === tool.name)
}

import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import type { NamePage, Paged } from '../domain/page.ts'
import { type Fault, fault } from '../kernel/fault.ts'
import { err, ok, type Result } from '../kernel/result.ts'
import type { PolicyEngine } from '../policy/policy-engine.ts'
import { agentQuestion, type QuestionDeps } from './agent-question.ts'
import type { AgentCaller } from './caller.ts'
import type { Identified } from './identify.ts'
import { enforceable } from './obligations/enforceable.ts'
import type { Tool } from './tool.ts'

export const listLimitDefault = 50
export const listLimitMax = 200

/** How many evaluations may run before other calls get their turn. */
const EVALUATIONS_PER_TURN = 50

export type Actions = { readonly [tool: string]: 'allow' | 'require_approval' }

/** What an agent could do with a resource right now: each tool's effect, denied ones left out. Recorded nowhere. */
export type ActionsOn = (caller: AgentCaller, tools: readonly AskableTool[], resource: Identified) => Promise<Actions>

type AskableTool = Pick<Tool, 'name' | 'action' | 'inputSchema'>

export function createActionsOn(deps: QuestionDeps & { readonly policy: PolicyEngine }): ActionsOn {
  let evaluations = 0
  return async (caller, tools, resource) => {
    const actions: Record<string, 'allow' | 'require_approval'> = {}
    const args = argumentsFor(resource)
    const history = await deps.history.of(caller.standing.agent.id, deps.clock.now())
    for (const tool of tools) {
      if (++evaluations % EVALUATIONS_PER_TURN === 0) await yieldToEventLoop()
      const input = agentQuestion(deps, { caller, tool, arguments: args, resource, history, keyDigest: null })
      const { effect } = enforceable(deps.policy.decide(input).decision, tool.action)
      if (effect !== 'deny') actions[tool.name] = effect
    }
    return actions
  }
}

function argumentsFor(resource: Identified): object {
  if (resource.type === 'none') return {}
  const { type, name } = resource
  return type === 'probe' || type === 'probe_target' ? { target: name } : { name }
}

/** One kind of resource in a list, read in name order. */
export interface Shelf<T> {
  readonly kind: string
  page(page: NamePage): Promise<Result<Paged<T>, Fault>>
}

/**
 * One page over several shelves in the given order. The rows are already narrowed to the caller's groups in SQL, which
 * is sound only while no company rule can allow across groups; what the policy then denies is left out by the caller.
 * @returns ARGUMENT_INVALID when the cursor is not one of ours
 */
export async function pageOf<T>(
  shelves: readonly Shelf<T>[],
  { cursor, limit }: { readonly cursor: string | undefined; readonly limit: number },
): Promise<Result<Paged<T>, Fault>> {
  const [kind = '', within = ''] = cursor?.split(':') ?? []
  const start = cursor === undefined ? 0 : shelves.findIndex((shelf) => shelf.kind === kind)
  if (start < 0)
    return err(fault('ARGUMENT_INVALID', { message: 'arguments/cursor is not one that a list of this kind returned' }))
  const items: T[] = []
  let place: Pick<NamePage, 'cursor'> = within === '' ? {} : { cursor: within }
  for (const [index, shelf] of shelves.entries()) {
    if (index < start) continue
    if (items.length === limit) return ok({ items, nextCursor: `${shelf.kind}:` })
    const page = await shelf.page({ ...place, limit: limit - items.length })
    if (!page.ok) return page
    items.push(...page.value.items)
    if (page.value.nextCursor !== null) return ok({ items, nextCursor: `${shelf.kind}:${page.value.nextCursor}` })
    place = {}
  }
  return ok({ items, nextCursor: null })
}

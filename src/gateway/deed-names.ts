import type { DeedNames } from '../domain/history/activity-window.ts'
import type { Decided } from '../policy/policy-engine.ts'
import { type Identified, resourceFacts } from './identify.ts'
import type { Tool } from './tool.ts'

/** What a decision adds to the agent's history: the name that it was refused, the secret that it reads. */
export function deedNames({ decision }: Decided, { action }: Pick<Tool, 'action'>, resource: Identified): DeedNames {
  const facts = resourceFacts(resource)
  const isRead = decision.effect === 'allow' && action === 'secret.read'
  return {
    deniedName: decision.effect === 'deny' ? (facts?.name ?? '') : '',
    secretId: isRead ? (facts?.id ?? '') : '',
  }
}

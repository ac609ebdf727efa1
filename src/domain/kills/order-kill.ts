import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Author } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import type { Kill } from './kill.ts'
import { killEntry } from './kill-events.ts'

/**
 * Throws the switch: from the commit on, nothing that the kill matches has any right, on every replica within a second.
 * That its agents are suspended or revoked one by one follows. A drill leaves every right as it is.
 */
export async function orderKill(
  deps: { readonly inTransaction: InTransaction; readonly clock: Clock },
  by: Author,
  order: Pick<Kill, 'kind' | 'target' | 'reason' | 'revoke' | 'drill'>,
): Promise<Result<Kill, Fault>> {
  return deps.inTransaction(async (work) => {
    const kill: Kill = {
      ...order,
      id: newId('kil'),
      inForce: !order.drill,
      createdAt: new Date(deps.clock.now()),
      createdBy: by.actor.name,
      liftedAt: null,
      liftedBy: null,
    }
    // Whoever resumes an agent holds the same lock: either it is seen by the kill, or the kill is seen there.
    if (order.kind === 'agent' && order.target !== null) await work.agents.findForUpdate(order.target.id)
    if (order.kind === 'owner' && order.target !== null) await work.people.findForUpdate(order.target.id)
    await work.kills.insert(kill)
    work.record(killEntry(by, 'KILL_SWITCH', kill))
    work.advanceAuthority()
    return ok(kill)
  })
}

/**
 * Lets agents be created and resumed again. Those that the kill suspended stay so until they are resumed, one by one.
 * Repeating it answers the same and records nothing.
 * @returns the kill; NOT_FOUND, or STATE_CONFLICT when there is nothing to lift
 */
export async function liftKill(
  deps: { readonly inTransaction: InTransaction; readonly clock: Clock },
  by: Author,
  { id, reason }: { readonly id: string; readonly reason: string },
): Promise<Result<Kill, Fault>> {
  return deps.inTransaction(async (work) => {
    const before = await work.kills.findForUpdate(id)
    if (before === undefined) return err(fault('NOT_FOUND', { message: `No kill ${id}` }))
    if (before.liftedAt !== null) return ok(before)
    if (!before.inForce)
      return err(fault('STATE_CONFLICT', { message: `The kill ${id} stops nothing any more: resume its agents` }))
    const lifted = { at: new Date(deps.clock.now()), by: by.actor.name }
    await work.kills.lift(id, lifted)
    const after: Kill = { ...before, inForce: false, liftedAt: lifted.at, liftedBy: lifted.by }
    work.record(killEntry(by, 'KILL_LIFTED', after, { reason }))
    work.advanceAuthority()
    return ok(after)
  })
}

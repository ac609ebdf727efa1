import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import { type Group, groupResource, groupView, withChanges } from './group.ts'
import type { UpdateGroup } from './group.schema.ts'

/**
 * Changes what a group is about; its name never changes, because agents, policy and the log know it by that.
 * @returns the changed group, or NOT_FOUND
 */
export async function updateGroup(
  deps: { readonly inTransaction: InTransaction },
  by: Author,
  idOrName: string,
  changes: UpdateGroup,
): Promise<Result<Group, Fault>> {
  return deps.inTransaction(async (work) => {
    const before = await work.groups.findForUpdate(idOrName)
    if (before === undefined) return err(fault('NOT_FOUND', { message: `No group ${idOrName}` }))
    const after = withChanges(before, changes)
    await work.groups.save(after)
    work.record(
      changeEntry(by, {
        type: 'GROUP_UPDATED',
        resource: groupResource(after),
        details: { before: groupView(before), after: groupView(after) },
      }),
    )
    work.advanceAuthority()
    return ok(after)
  })
}

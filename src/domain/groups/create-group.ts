import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import { type Group, groupResource, groupView } from './group.ts'
import type { CreateGroup } from './group.schema.ts'

/**
 * Creates a group. It has no members yet; only admins reach it, because they have every group.
 * @returns the group, or NAME_TAKEN
 */
export async function createGroup(
  deps: { readonly inTransaction: InTransaction; readonly clock: Clock },
  by: Author,
  request: CreateGroup,
): Promise<Result<Group, Fault>> {
  return deps.inTransaction(async (work) => {
    const group: Group = {
      id: newId('grp'),
      name: request.name,
      environment: request.environment,
      description: request.description ?? '',
      domains: request.domains ?? [],
      probeTargets: request.probeTargets ?? [],
      vaultPrefixes: request.vaultPrefixes ?? [],
      createdAt: new Date(deps.clock.now()),
      createdBy: by.actor.id,
    }
    if (!(await work.groups.insert(group)))
      return err(fault('NAME_TAKEN', { message: `The name ${group.name} is taken` }))
    work.record(
      changeEntry(by, {
        type: 'GROUP_CREATED',
        resource: groupResource(group),
        details: { before: null, after: groupView(group) },
      }),
    )
    work.advanceAuthority()
    return ok(group)
  })
}

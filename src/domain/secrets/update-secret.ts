import type { Fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import { beyondReach } from '../groups/group-reach.ts'
import type { InTransaction, Work } from '../work.ts'
import { noSecret, type SecretRecord, secretResource, secretView, sharedWithoutGroups, withChanges } from './secret.ts'
import type { UpdateSecret } from './secret.schema.ts'

/**
 * Changes what is known about a secret; its value has versions of its own. Groups and disclosure decide who gets it and
 * how, so only one who has all of its old and new groups may change them.
 * @returns the changed secret, NOT_FOUND, REFERENCE_UNKNOWN, GROUP_NOT_PERMITTED, or ARGUMENT_INVALID when a shared secret
 * would be left without a group
 */
export async function updateSecret(
  deps: { readonly inTransaction: InTransaction },
  by: Author,
  idOrName: string,
  changes: UpdateSecret,
): Promise<Result<SecretRecord, Fault>> {
  return deps.inTransaction(async (work) => {
    const before = await work.secrets.findForUpdate(idOrName)
    if (before === undefined) return err(noSecret(idOrName))
    const groups = await resultingGroups(work, by, before, changes)
    if (!groups.ok) return groups
    const after = await work.secrets.save(withChanges(before, changes, groups.value))
    work.record(
      changeEntry(by, {
        type: 'SECRET_UPDATED',
        resource: secretResource(after),
        details: { before: secretView(before), after: secretView(after) },
      }),
    )
    work.advanceAuthority()
    return ok(after)
  })
}

async function resultingGroups(
  work: Work,
  by: Author,
  before: SecretRecord,
  changes: UpdateSecret,
): Promise<Result<readonly string[], Fault>> {
  if (changes.groups === undefined && changes.disclosure === undefined) return ok(before.groups)
  const groups = changes.groups === undefined ? ok(before.groups) : await work.groups.resolve(changes.groups)
  if (!groups.ok) return groups
  if (before.kind === 'shared' && groups.value.length === 0) return err(sharedWithoutGroups())
  const beyond = beyondReach([...new Set([...before.groups, ...groups.value])], by.groups, by.actor.name)
  return beyond === undefined ? groups : err(beyond)
}

import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import type { InTransaction, Work } from '../work.ts'
import { type Host, type HostDraft, hostResource, hostView, withChanges } from './host.ts'
import type { UpdateHost } from './host.schema.ts'
import { readHostKeys, resolveCredential, resolveGroups } from './host-references.ts'

/**
 * Changes a host. Only one who has all of its resulting groups may: an address or a key decides where every one of them lands.
 * @returns the changed host, NOT_FOUND, or the refusals of `createHost`
 */
export async function updateHost(
  deps: { readonly inTransaction: InTransaction },
  by: Author,
  idOrName: string,
  changes: UpdateHost,
): Promise<Result<Host, Fault>> {
  return deps.inTransaction(async (work) => {
    const before = await work.hosts.findForUpdate(idOrName)
    if (before === undefined) return err(fault('NOT_FOUND', { message: `No host ${idOrName}` }))
    const draft = await changed(work, by, before, changes)
    if (!draft.ok) return draft
    const after = await work.hosts.save(draft.value)
    work.record(
      changeEntry(by, {
        type: 'HOST_UPDATED',
        resource: hostResource(after),
        details: { before: hostView(before), after: hostView(after) },
      }),
    )
    work.advanceAuthority()
    return ok(after)
  })
}

async function changed(work: Work, by: Author, before: Host, changes: UpdateHost): Promise<Result<HostDraft, Fault>> {
  const groups = await resolveGroups(work, by, changes.groups ?? before.groups)
  if (!groups.ok) return groups
  const hostKeys = changes.hostKeys === undefined ? ok(before.hostKeys) : readHostKeys(changes.hostKeys)
  if (!hostKeys.ok) return hostKeys
  const credential =
    changes.credential === undefined ? ok(before.credential) : await resolveCredential(work, by, changes.credential)
  if (!credential.ok) return credential
  return ok({
    ...withChanges(before, changes),
    groups: groups.value,
    hostKeys: hostKeys.value,
    credential: credential.value,
  })
}

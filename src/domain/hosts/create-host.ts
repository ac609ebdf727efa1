import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import type { InTransaction } from '../work.ts'
import { type Host, hostResource, hostView } from './host.ts'
import type { CreateHost } from './host.schema.ts'
import { readHostKeys, resolveCredential, resolveGroups } from './host-references.ts'

const SSH_PORT = 22

/**
 * Registers a host, so that agents who share a group with it may ask for it.
 * @returns the host; REFERENCE_UNKNOWN for an unknown group or secret, GROUP_NOT_PERMITTED, ARGUMENT_INVALID for a host key
 * that will not do, NAME_TAKEN
 */
export async function createHost(
  deps: { readonly inTransaction: InTransaction; readonly clock: Clock },
  by: Author,
  request: CreateHost,
): Promise<Result<Host, Fault>> {
  const hostKeys = readHostKeys(request.hostKeys)
  if (!hostKeys.ok) return hostKeys
  return deps.inTransaction(async (work) => {
    const groups = await resolveGroups(work, by, request.groups)
    if (!groups.ok) return groups
    const credential = await resolveCredential(work, by, request.credential)
    if (!credential.ok) return credential
    const host = await work.hosts.insert({
      id: newId('hst'),
      name: request.name,
      address: request.address,
      port: request.port ?? SSH_PORT,
      groups: groups.value,
      principals: request.principals,
      modes: request.modes,
      hostKeys: hostKeys.value,
      credential: credential.value,
      createdAt: new Date(deps.clock.now()),
      createdBy: by.actor.id,
    })
    if (host === undefined) return err(fault('NAME_TAKEN', { message: `The name ${request.name} is taken` }))
    work.record(
      changeEntry(by, {
        type: 'HOST_CREATED',
        resource: hostResource(host),
        details: { before: null, after: hostView(host) },
      }),
    )
    return ok(host)
  })
}

import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Author } from '../audit/author.ts'
import { beyondReach } from '../groups/group-reach.ts'
import type { Work } from '../work.ts'
import type { HostCredential } from './host.ts'
import type { CreateHost } from './host.schema.ts'
import { parseHostKey } from './host-key.ts'

/** @returns the names of the groups, REFERENCE_UNKNOWN, or GROUP_NOT_PERMITTED when the author lacks one */
export async function resolveGroups(
  work: Work,
  by: Author,
  idsOrNames: readonly string[],
): Promise<Result<readonly string[], Fault>> {
  const groups = await work.groups.resolve(idsOrNames)
  if (!groups.ok) return groups
  const beyond = beyondReach(groups.value, by.groups, by.actor.name)
  return beyond === undefined ? groups : err(beyond)
}

/**
 * @returns the credential, bound to the secret's id; REFERENCE_UNKNOWN when there is no shared secret of that name in a group
 * of the author, whether it is missing or theirs to see no more
 */
export async function resolveCredential(
  work: Work,
  by: Author,
  asked: CreateHost['credential'],
): Promise<Result<HostCredential, Fault>> {
  if (asked.kind === 'certificate') return ok({ kind: 'certificate' })
  const secret = await work.secrets.findByName(asked.secret)
  const { groups } = by
  const shares = groups === 'every' || secret?.groups.some((group) => groups.includes(group))
  if (secret === undefined || secret.kind !== 'shared' || !shares) {
    return err(fault('REFERENCE_UNKNOWN', { message: `No secret ${asked.secret}` }))
  }
  return ok({ kind: 'secret', secretId: secret.id, secret: secret.name })
}

/** @returns the lines as they are kept, or ARGUMENT_INVALID saying which line will not do and why */
export function readHostKeys(lines: readonly string[]): Result<readonly string[], Fault> {
  const kept = new Set<string>()
  for (const [index, line] of lines.entries()) {
    const key = parseHostKey(line)
    if (typeof key === 'string') return err(fault('ARGUMENT_INVALID', { message: `hostKeys/${index}: ${key}` }))
    kept.add(key.line)
  }
  return ok([...kept])
}

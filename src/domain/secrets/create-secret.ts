import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import { beyondReach } from '../groups/group-reach.ts'
import type { InTransaction, Work } from '../work.ts'
import {
  type SecretDraft,
  type SecretRecord,
  secretResource,
  secretView,
  sharedWithoutGroups,
  storePath,
} from './secret.ts'
import type { CreateSecret } from './secret.schema.ts'
import type { SecretSource } from './secret-source.ts'
import { secretValue } from './secret-value.ts'

export interface CreateSecretDeps {
  readonly inTransaction: InTransaction
  readonly source: SecretSource
  readonly clock: Clock
}

/**
 * Registers a secret with its version 0. The value is stored first, under a path nobody refers to until the registry's
 * transaction commits: a failure in between leaves a value without a name, never a name without a value.
 * @returns the secret; ARGUMENT_INVALID, REFERENCE_UNKNOWN when a group or the owner does not exist, STATE_CONFLICT when
 * the owner is disabled, GROUP_NOT_PERMITTED, NAME_TAKEN, or the fault of the secret store
 */
export async function createSecret(
  deps: CreateSecretDeps,
  by: Author,
  request: CreateSecret,
): Promise<Result<SecretRecord, Fault>> {
  const value = secretValue(request.value)
  if (!value.ok) return value
  const draft = await deps.inTransaction((work) => drafted(work, by, request, new Date(deps.clock.now())))
  if (!draft.ok) return draft
  const stored = await deps.source.write(storePath(draft.value.id), value.value)
  if (!stored.ok) return stored
  return deps.inTransaction(async (work) => {
    const secret = await work.secrets.insert(draft.value)
    if (secret === undefined) return err(nameTaken(request.name))
    await work.secrets.insertVersion(secret.id, {
      version: secret.currentVersion,
      storePath: storePath(secret.id),
      storeVersion: stored.value,
      restoredFrom: null,
      createdAt: secret.createdAt,
      createdBy: secret.createdBy,
    })
    work.record(
      changeEntry(by, {
        type: 'SECRET_CREATED',
        resource: secretResource(secret),
        details: { before: null, after: secretView(secret) },
      }),
    )
    work.advanceAuthority()
    return ok(secret)
  })
}

/** Everything that can be refused before a value is stored for it. */
async function drafted(work: Work, by: Author, request: CreateSecret, now: Date): Promise<Result<SecretDraft, Fault>> {
  const kind = request.kind ?? 'shared'
  if ((kind === 'private') !== (request.owner !== undefined)) {
    return err(fault('ARGUMENT_INVALID', { message: 'owner is given exactly for a private secret' }))
  }
  const groups = await work.groups.resolve(request.groups ?? [])
  if (!groups.ok) return groups
  if (kind === 'shared' && groups.value.length === 0) return err(sharedWithoutGroups())
  const beyond = beyondReach(groups.value, by.groups, by.actor.name)
  if (beyond !== undefined) return err(beyond)
  const owner = request.owner === undefined ? ok(null) : await activeOwner(work, request.owner)
  if (!owner.ok) return owner
  if ((await work.secrets.findByName(request.name)) !== undefined) return err(nameTaken(request.name))
  return ok({
    id: newId('sec'),
    name: request.name,
    kind,
    ownerId: owner.value,
    type: request.type ?? 'opaque',
    description: request.description ?? '',
    disclosure: request.disclosure ?? 'raw',
    groups: groups.value,
    currentVersion: 0,
    createdAt: now,
    createdBy: by.actor.id,
  })
}

async function activeOwner(work: Work, idOrEmail: string): Promise<Result<string, Fault>> {
  const person = await work.people.find(idOrEmail)
  if (person === undefined) return err(fault('REFERENCE_UNKNOWN', { message: `No person ${idOrEmail}` }))
  if (person.disabledAt !== null)
    return err(fault('STATE_CONFLICT', { message: `The owner ${person.email} is disabled` }))
  return ok(person.id)
}

function nameTaken(name: string): Fault {
  return fault('NAME_TAKEN', { message: `The name ${name} is taken` })
}

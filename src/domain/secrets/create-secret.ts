import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { newId } from '../../kernel/ids.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Secret } from '../../kernel/secret.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import { beyondReach } from '../groups/group-reach.ts'
import { isUnderPrefix } from '../groups/vault-prefix.ts'
import type { InTransaction, Work } from '../work.ts'
import {
  type SecretDraft,
  type SecretRecord,
  type SecretVersion,
  secretResource,
  secretView,
  sharedWithoutGroups,
  storePath,
} from './secret.ts'
import type { CreateSecret, SourceReference } from './secret.schema.ts'
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
 * the owner is disabled, GROUP_NOT_PERMITTED, also for a source outside the groups' vaultPrefixes, NAME_TAKEN, or the fault
 * of the secret store
 */
export async function createSecret(
  deps: CreateSecretDeps,
  by: Author,
  request: CreateSecret,
): Promise<Result<SecretRecord, Fault>> {
  const content = contentOf(request)
  if (!content.ok) return content
  const draft = await deps.inTransaction((work) => drafted(work, by, request, new Date(deps.clock.now())))
  if (!draft.ok) return draft
  const kept = await keep(deps.source, draft.value.id, content.value)
  if (!kept.ok) return kept
  const { source } = kept.value
  return deps.inTransaction(async (work) => {
    const secret = await work.secrets.insert(draft.value)
    if (secret === undefined) return err(nameTaken(request.name))
    await work.secrets.insertVersion(secret.id, {
      ...kept.value,
      version: secret.currentVersion,
      restoredFrom: null,
      createdAt: secret.createdAt,
      createdBy: secret.createdBy,
    })
    work.record(
      changeEntry(by, {
        type: 'SECRET_CREATED',
        resource: secretResource(secret),
        details: { before: null, after: secretView(secret), ...(source === null ? {} : { source: { ...source } }) },
      }),
    )
    work.advanceAuthority()
    return ok(secret)
  })
}

type Content = { readonly value: Secret<string> } | { readonly source: SourceReference }

function contentOf({ value: text, source }: CreateSecret): Result<Content, Fault> {
  if ((text === undefined) === (source === undefined))
    return err(fault('ARGUMENT_INVALID', { message: 'Give either value or source' }))
  if (source !== undefined) return ok({ source })
  const value = secretValue(text ?? '')
  return value.ok ? ok({ value: value.value }) : value
}

/** Stores the value, or looks up what somebody else stored. @returns where its version is kept */
async function keep(
  source: SecretSource,
  secretId: string,
  content: Content,
): Promise<Result<Pick<SecretVersion, 'storePath' | 'storeVersion' | 'source'>, Fault>> {
  if ('source' in content) {
    const { path, field } = content.source
    const adopted = await source.adopt(path, field)
    return adopted.ok ? ok({ storePath: path, storeVersion: adopted.value, source: { path, field } }) : adopted
  }
  const stored = await source.write(storePath(secretId), content.value)
  return stored.ok ? ok({ storePath: storePath(secretId), storeVersion: stored.value, source: null }) : stored
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
  if (
    request.source !== undefined &&
    !isUnderPrefix(request.source.path, await work.groups.vaultPrefixes(groups.value))
  )
    return err(outsidePrefixes(request.source.path, groups.value))
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

function outsidePrefixes(path: string, groups: readonly string[]): Fault {
  const message = `source.path ${path} lies under no vaultPrefix of groups [${groups.join(', ')}]`
  return fault('GROUP_NOT_PERMITTED', { message })
}

function nameTaken(name: string): Fault {
  return fault('NAME_TAKEN', { message: `The name ${name} is taken` })
}

import type { Author } from '../audit/author.ts'
import type { LauncherFacts } from '../audit/event.ts'
import type { Person } from '../people/person.ts'

/** Whom an approval is about: people who answer for the agent and so never decide for it. */
export interface Answerable {
  readonly ownerIds: readonly string[]
  readonly launcher: LauncherFacts | null
}

type Human = Pick<Person, 'id' | 'email' | 'name'>

/** Why people, whatever account or key they use, may not decide. */
export type ApproverConflict = 'service' | 'owner' | 'launcher' | 'key_minted_by_owner' | 'key_minted_by_launcher'

export const conflictTexts: Record<ApproverConflict, string> = {
  service: 'Access denied. An approval is decided by a person, not by a service account',
  owner: "Access denied. The agent's owner does not decide its approvals",
  launcher: 'Access denied. Who launched the agent does not decide its approvals',
  key_minted_by_owner: "Access denied. This API key was minted by the agent's owner",
  key_minted_by_launcher: 'Access denied. This API key was minted by who launched the agent',
}

/**
 * Compares people, not accounts: an owner does not decide with another's key that they minted, nor a launcher, verified
 * or only claimed (a claim can only take the right away).
 * @param minters the people who minted the key in use, or the key that it was minted with, and so on
 */
export function conflictOf(
  { ownerIds, launcher }: Answerable,
  kind: Author['actor']['kind'],
  person: Human | undefined,
  minters: readonly Human[],
): ApproverConflict | undefined {
  if (kind !== 'person' || person === undefined) return 'service'
  if (ownerIds.includes(person.id)) return 'owner'
  if (isLauncher(person, launcher)) return 'launcher'
  if (minters.some(({ id }) => ownerIds.includes(id))) return 'key_minted_by_owner'
  return minters.some((minter) => isLauncher(minter, launcher)) ? 'key_minted_by_launcher' : undefined
}

/** Whether that person started the client, as far as a name tells. */
function isLauncher({ email, name }: Pick<Human, 'email' | 'name'>, launcher: LauncherFacts | null): boolean {
  return launcher !== null && [email, name].some((known) => folded(known) === folded(launcher.name))
}

function folded(name: string): string {
  return name.normalize('NFKC').trim().toLowerCase()
}

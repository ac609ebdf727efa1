import { plainText } from '../../kernel/bounded-text.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, fault, must } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Author } from '../audit/author.ts'
import type { Person } from '../people/person.ts'
import type { InTransaction, Work } from '../work.ts'
import { type Approval, type Verdict, vote } from './approval.ts'
import { voteRefusedEntry, votedEntries } from './approval-events.ts'
import { conflictOf, conflictTexts } from './approver.ts'

export interface DecideApprovalDeps {
  readonly inTransaction: InTransaction
  readonly clock: Clock
  /** What the operator sets as the longest time in which an approval is used. */
  readonly approvalUseSeconds: number
}

export interface Ballot {
  readonly id: string
  readonly verdict: Verdict
  readonly comment: string
}

/**
 * Counts one person's vote. The policy has let their role and groups; here it is asked who they are.
 * @returns the approval as it is then; NOT_FOUND; APPROVER_CONFLICT for the agent's owner, its launcher and whoever acts
 * for them, which is put on record; STATE_CONFLICT when it is decided, run out or frozen, or they voted before
 */
export async function decideApproval(
  deps: DecideApprovalDeps,
  by: Author,
  { id, verdict, comment }: Ballot,
): Promise<Result<Approval, Fault>> {
  let refused: Approval | undefined
  const decided = await deps.inTransaction(async (work) => {
    const found = await work.approvals.find(id)
    if (found === undefined) return err(fault('NOT_FOUND', { message: `No approval ${id}` }))
    // The agent first, as everything that ends an approval locks it.
    await work.approvals.lockAgent(found.agent.id)
    const before = (await work.approvals.findForUpdate(id)) ?? found
    const person = await work.people.find(by.actor.id)
    const conflict = conflictOf(before, by.actor.kind, person, await peopleOf(work, by.keyMinters ?? []))
    if (conflict !== undefined || person === undefined) {
      refused = before
      return err(fault('APPROVER_CONFLICT', { message: conflictTexts[conflict ?? 'service'] }))
    }
    const cast = {
      personId: person.id,
      person: person.email,
      verdict,
      comment: plainText(comment),
      at: new Date(deps.clock.now()),
    }
    const after = vote(before, { ...cast, role: person.role, useSeconds: deps.approvalUseSeconds })
    if (!after.ok) return after
    await work.approvals.addVote(before, cast)
    await work.approvals.save(after.value)
    for (const entry of votedEntries(by, cast, after.value)) work.record(entry)
    return after
  })
  if (!decided.ok && refused !== undefined) must(await recordRefusal(deps, by, refused, decided.error))
  return decided
}

async function peopleOf(work: Work, ids: readonly string[]): Promise<Person[]> {
  const people: Person[] = []
  for (const id of ids) {
    const person = await work.people.find(id)
    if (person !== undefined) people.push(person)
  }
  return people
}

function recordRefusal(
  { inTransaction }: DecideApprovalDeps,
  by: Author,
  approval: Approval,
  refusal: Fault,
): Promise<Result<undefined, Fault>> {
  return inTransaction(async (work) => {
    work.record(voteRefusedEntry(by, approval, refusal))
    return ok(undefined)
  })
}

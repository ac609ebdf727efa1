import { conflictOf } from '../domain/approvals/approver.ts'
import type { Approval } from '../domain/approvals/approval.ts'
import { isInForce } from '../domain/approvals/open-approval.ts'
import type { Stores } from '../domain/stores.ts'
import type { Clock } from '../kernel/clock.ts'
import type { InputFacts } from '../policy/input.ts'
import type { AgentCaller } from './caller.ts'

export type ApprovalFact = NonNullable<InputFacts['approval']>

export interface ApprovalFactDeps {
  readonly approvals: Pick<Stores['approvals'], 'findLatest'>
  readonly people: Pick<Stores['people'], 'find'>
  readonly clock: Clock
  readonly approvalUseSeconds: number
}

/**
 * What people decided about exactly this call, as a fact for the policy: an approval that can be used now, or a denial that
 * is still in force. The approvers are told with the role and groups they have now; who is disabled, or answers for the
 * agent or this client by now, is none of them.
 */
export async function approvalFact(
  deps: ApprovalFactDeps,
  caller: AgentCaller,
  callDigest: string,
): Promise<ApprovalFact | undefined> {
  const approval = await deps.approvals.findLatest(caller.standing.agent.id, callDigest)
  const now = new Date(deps.clock.now())
  if (approval === undefined || approval.status === 'pending') return undefined
  if (!isInForce(approval, now, deps.approvalUseSeconds)) return undefined
  return {
    status: approval.status === 'approved' ? 'approved' : 'denied',
    id: approval.id,
    callDigest: approval.callDigest,
    approvers: await approversOf(deps, caller, approval),
    quorum: approval.requirement.quorum,
    useBeforeUnixMs: approval.useBefore?.getTime() ?? 0,
  }
}

async function approversOf(
  { people }: ApprovalFactDeps,
  { session }: AgentCaller,
  approval: Approval,
): Promise<NonNullable<ApprovalFact['approvers']>> {
  const approvers: { id: string; role: string; groups: readonly string[] }[] = []
  for (const { personId } of approval.votes.filter(({ verdict }) => verdict === 'approve')) {
    const person = await people.find(personId)
    if (person === undefined || person.disabledAt !== null) continue
    const isParty = [approval.launcher, session.launcher].some(
      (launcher) => conflictOf({ ownerIds: approval.ownerIds, launcher }, 'person', person, []) !== undefined,
    )
    // By e-mail, as an agent's owner is told.
    if (!isParty) approvers.push({ id: person.email, role: person.role, groups: person.groups })
  }
  return approvers
}

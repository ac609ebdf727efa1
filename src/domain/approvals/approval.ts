import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Role } from '../../kernel/vocabulary.ts'
import type { AgentFacts, AuditEvent, LauncherFacts } from '../audit/event.ts'

export const approvalStatuses = ['pending', 'approved', 'denied', 'expired', 'consumed', 'cancelled'] as const
export type ApprovalStatus = (typeof approvalStatuses)[number]

/** `call`: what a tool call waits for. `decision`: a question about something outside the gateway, which unlocks nothing. */
export const approvalKinds = ['call', 'decision'] as const
export type ApprovalKind = (typeof approvalKinds)[number]

export const verdicts = ['approve', 'deny'] as const
export type Verdict = (typeof verdicts)[number]

/** Who may decide, how many of them it takes, and how long the answer may then be used: as the policy said. */
export interface ApprovalRequirement {
  readonly groups: readonly string[]
  readonly roles: readonly string[]
  readonly quorum: number
  readonly useSeconds: number
}

/** What one person decided. */
export interface Vote {
  readonly personId: string
  /** E-mail. */
  readonly person: string
  readonly verdict: Verdict
  readonly comment: string
  readonly at: Date
}

/** A call that waits for people. It binds to the digest of exactly that call. */
export interface Approval {
  readonly id: string
  readonly kind: ApprovalKind
  readonly agent: AgentFacts
  /** Nobody decides or uses it while the agent is not active. */
  readonly agentStatus: string
  /** People who answer for the agent: its owner when it asked, and its owner now. */
  readonly ownerIds: readonly string[]
  /** Who started the client, as claimed or verified. */
  readonly launcher: LauncherFacts | null
  readonly tokenId: string
  readonly sessionId: string
  readonly callDigest: string
  readonly action: string
  readonly tool: string
  /** As they entered the policy: sensitive ones are masked. */
  readonly arguments: { readonly [name: string]: unknown }
  readonly resource: AuditEvent['resource']
  /** Whose approvers may decide: the groups of the resource, or the agent's where there is none. */
  readonly groups: readonly string[]
  /** Why the agent asks, in its own words: never believed. */
  readonly reason: string
  /** Why the policy asks for people. */
  readonly reasons: readonly { readonly code: string; readonly title: string }[]
  readonly requirement: ApprovalRequirement
  readonly votes: readonly Vote[]
  readonly status: ApprovalStatus
  readonly createdAt: Date
  /** Until then it can be decided. */
  readonly expiresAt: Date
  readonly decidedAt: Date | null
  /** Until then what was approved can be used; null before that, and for a decision about something outside. */
  readonly useBefore: Date | null
}

/** A vote as it is cast, and how long at most the operator lets an approval be used. */
export interface CastVote extends Vote {
  readonly role: Role
  readonly useSeconds: number
}

/**
 * Counts a vote: one denial denies, and as many people as the policy asks for approve.
 * @returns STATE_CONFLICT when it is decided, run out or frozen, or the person voted before; APPROVER_CONFLICT for a role
 * that may not decide
 */
export function vote(approval: Approval, { role, useSeconds, ...cast }: CastVote): Result<Approval, Fault> {
  if (approval.status !== 'pending') return conflict(`The approval is ${approval.status}`)
  if (approval.expiresAt <= cast.at) return conflict('The approval is expired')
  if (approval.agentStatus !== 'active') return conflict(`The approval is frozen: its agent is ${approval.agentStatus}`)
  if (approval.votes.some(({ personId }) => personId === cast.personId)) return conflict('You have voted already')
  if (!approval.requirement.roles.includes(role))
    return err(fault('APPROVER_CONFLICT', { message: `Access denied. Role ${role} does not decide this approval` }))
  const voted = { ...approval, votes: [...approval.votes, cast] }
  if (cast.verdict === 'deny') return ok({ ...voted, status: 'denied', decidedAt: cast.at })
  if (voted.votes.length < approval.requirement.quorum) return ok(voted)
  const seconds = Math.min(approval.requirement.useSeconds, useSeconds)
  const useBefore = approval.kind === 'call' ? new Date(cast.at.getTime() + seconds * 1000) : null
  return ok({ ...voted, status: 'approved', decidedAt: cast.at, useBefore })
}

/** Uses an approval up, for exactly the call it was given for. @returns STATE_CONFLICT when it cannot be used (any more) */
export function consume(approval: Approval, callDigest: string, now: Date): Result<Approval, Fault> {
  const isUsable =
    approval.status === 'approved' &&
    approval.kind === 'call' &&
    approval.agentStatus === 'active' &&
    approval.callDigest === callDigest &&
    approval.useBefore !== null &&
    now < approval.useBefore
  return isUsable ? ok({ ...approval, status: 'consumed' }) : conflict('The approval cannot be used')
}

/** Ends what ran out: nobody decided in time, or nobody used it in time. */
export function expire(approval: Approval, now: Date): Result<Approval, Fault> {
  const end = approval.status === 'pending' ? approval.expiresAt : approval.useBefore
  if (!isLive(approval) || end === null || now < end) return conflict('The approval has not run out')
  return ok({ ...approval, status: 'expired' })
}

/** Ends it because the agent or the token, which was to use the answer, is gone, or the policy asks for more now. */
export function cancel(approval: Approval): Result<Approval, Fault> {
  return isLive(approval) ? ok({ ...approval, status: 'cancelled' }) : conflict(`The approval is ${approval.status}`)
}

/** Whether something can still come of it. */
export function isLive({ status }: Pick<Approval, 'status'>): boolean {
  return status === 'pending' || status === 'approved'
}

function conflict(message: string): Result<never, Fault> {
  return err(fault('STATE_CONFLICT', { message }))
}

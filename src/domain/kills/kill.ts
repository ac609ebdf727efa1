export const killKinds = ['agent', 'owner', 'group', 'all'] as const
export type KillKind = (typeof killKinds)[number]

/** One use of the kill switch: whom it stops, and whether that still holds. */
export interface Kill {
  readonly id: string
  readonly kind: KillKind
  /** Of an agent, an owner or a group; null for all. */
  readonly target: { readonly id: string; readonly name: string } | null
  readonly reason: string
  /** True when its agents are gone for good, false when they are suspended. */
  readonly revoke: boolean
  /** True when it only asks every replica whether it would act. */
  readonly drill: boolean
  /** While it is, what it matches has no right at all, and none of it can be resumed. */
  readonly inForce: boolean
  readonly createdAt: Date
  readonly createdBy: string
  readonly liftedAt: Date | null
  readonly liftedBy: string | null
}

/** That one replica took a kill in: it refuses every new call since, and broke off what ran. */
export interface Receipt {
  readonly replica: string
  /** Null when the replica gave no sign in time. It lets nobody through either until it has heard of the kill. */
  readonly confirmedAt: Date | null
  readonly epoch: number | null
  /** Calls that were running there and were broken off; in a drill, that would have been. */
  readonly callsCut: number
  /** The same of SSH sessions that were open at the bastion of that replica. */
  readonly sshSessionsCut: number
}

/** A kill of a group or of all goes on stopping new agents until it is lifted; any other has done its work when applied. */
export function staysInForce({ kind, drill }: Pick<Kill, 'kind' | 'drill'>): boolean {
  return !drill && (kind === 'group' || kind === 'all')
}

/** The kill as people see it. */
export function killView(kill: Kill, receipts: readonly Receipt[]) {
  return {
    id: kill.id,
    kind: kill.kind,
    target: kill.target,
    reason: kill.reason,
    revoke: kill.revoke,
    drill: kill.drill,
    inForce: kill.inForce,
    createdAt: kill.createdAt.toISOString(),
    createdBy: kill.createdBy,
    liftedAt: kill.liftedAt?.toISOString() ?? null,
    liftedBy: kill.liftedBy,
    receipts: receipts.map(({ replica, confirmedAt, epoch, callsCut, sshSessionsCut }) => ({
      replica,
      confirmed: confirmedAt !== null,
      confirmedAt: confirmedAt?.toISOString() ?? null,
      afterMs: confirmedAt === null ? null : confirmedAt.getTime() - kill.createdAt.getTime(),
      epoch,
      callsCut,
      sshSessionsCut,
    })),
  }
}

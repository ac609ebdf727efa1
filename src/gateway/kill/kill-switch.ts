import { setTimeout as wait } from 'node:timers/promises'
import { revokeAgent } from '../../domain/agents/revoke-agent.ts'
import { suspendAgent } from '../../domain/agents/suspend-agent.ts'
import { type Author, systemAuthor } from '../../domain/audit/author.ts'
import { type Kill, type Receipt, staysInForce } from '../../domain/kills/kill.ts'
import { orderKill } from '../../domain/kills/order-kill.ts'
import type { Stores } from '../../domain/stores.ts'
import type { InTransaction } from '../../domain/work.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, must } from '../../kernel/fault.ts'
import { ok, type Result } from '../../kernel/result.ts'

export const killTimes = {
  /** For how long receipts are waited for. */
  receiptsMs: 2_000,
  receiptsEveryMs: 20,
  /** A replica says this often that it is there, and counts as there for so long after. */
  seenEveryMs: 1_000,
  liveForMs: 5_000,
  forgottenAfterMs: 3_600_000,
  /** A kill that is not applied after this long is one whose gateway stopped in the middle. */
  abandonedAfterMs: 30_000,
} as const

const AGENTS_AT_ONCE = 4

export interface KillSwitchDeps {
  readonly inTransaction: InTransaction
  readonly stores: Pick<Stores, 'kills' | 'replicas'>
  readonly clock: Clock
}

export type KillOrder = Parameters<typeof orderKill>[2]

/**
 * Throws the kill switch. The rights are gone with the first commit; then each agent is suspended or revoked, while every
 * replica confirms. It asks neither policy, nor Vault, nor approvals for anything.
 * @returns the kill and one receipt per replica, of which those that were silent for 2 s are not confirmed
 */
export async function throwKillSwitch(
  deps: KillSwitchDeps,
  by: Author,
  order: KillOrder,
): Promise<Result<{ readonly kill: Kill; readonly receipts: readonly Receipt[] }, Fault>> {
  const kill = await orderKill(deps, by, order)
  if (!kill.ok) return kill
  const [receipts] = await Promise.all([
    receiptsOf(deps, kill.value),
    // The decision is kept with the kill's own event, whose id each reason names.
    kill.value.drill ? undefined : applyKill(deps, { ...by, decision: null }, kill.value),
  ])
  const after = (await deps.stores.kills.find(kill.value.id)) ?? kill.value
  return ok({ kill: after, receipts })
}

/** The job that finishes kills whose gateway stopped before every agent was. */
export async function finishKills(deps: KillSwitchDeps): Promise<void> {
  const before = new Date(deps.clock.now() - killTimes.abandonedAfterMs)
  for (const kill of await deps.stores.kills.unapplied(before))
    await applyKill(deps, systemAuthor('finish-kills'), kill)
}

/** The job by which a replica says that it is there, and has to be waited for. */
export async function saySeen(
  { stores, clock }: Pick<KillSwitchDeps, 'stores' | 'clock'>,
  replica: string,
): Promise<void> {
  await stores.replicas.seen(replica, new Date(clock.now()))
}

/** Says that a replica stopped, so that nobody waits for it. */
export async function sayGone(
  { stores, clock }: Pick<KillSwitchDeps, 'stores' | 'clock'>,
  replica: string,
): Promise<void> {
  await stores.replicas.gone(replica, new Date(clock.now() - killTimes.forgottenAfterMs))
}

async function applyKill(deps: KillSwitchDeps, by: Author, kill: Kill): Promise<void> {
  const reason = `${kill.reason} (${kill.id})`
  const waiting = [...(await deps.stores.kills.agentsToStop(kill))]
  const stopNext = async (): Promise<void> => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const stopped = await (kill.revoke ? revokeAgent : suspendAgent)(deps, by, id, reason, 'killed')
      // Somebody else revoked it meanwhile, which is more than was asked for.
      if (!stopped.ok && stopped.error.code !== 'AGENT_REVOKED') must(stopped)
    }
  }
  await Promise.all(Array.from({ length: AGENTS_AT_ONCE }, stopNext))
  const applied = { at: new Date(deps.clock.now()), inForce: staysInForce(kill) }
  await deps.stores.kills.markApplied(kill.id, applied)
}

async function receiptsOf({ stores, clock }: KillSwitchDeps, kill: Kill): Promise<readonly Receipt[]> {
  const live = await stores.replicas.live(new Date(clock.now() - killTimes.liveForMs))
  const until = performance.now() + killTimes.receiptsMs
  for (;;) {
    const receipts = await stores.kills.receipts(kill.id)
    const silent = live.filter((id) => !receipts.some(({ replica }) => replica === id))
    if (silent.length === 0 || performance.now() > until) return [...receipts, ...silent.map(unconfirmed)]
    await wait(killTimes.receiptsEveryMs)
  }
}

function unconfirmed(replica: string): Receipt {
  return { replica, confirmedAt: null, epoch: null, callsCut: 0, sshSessionsCut: 0 }
}

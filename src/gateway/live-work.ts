import { type Fault, fault } from '../kernel/fault.ts'
import { err, type Result } from '../kernel/result.ts'
import type { AgentCaller } from './caller.ts'

/** One effect under way: whose, and how it is broken off. */
interface Live {
  readonly caller: AgentCaller
  cut(): void
}

/** The effects that run on this replica for agents. Each can be broken off as soon as its caller has lost its right. */
export class LiveWork {
  readonly #live = new Set<Live>()

  /**
   * Runs an effect with a signal that tells it to end, when the client went away or the right was lost. When the right was
   * lost its answer is not waited for.
   * @returns what the effect returned, or GATEWAY_REVOKED
   */
  async run<T, E>(
    caller: AgentCaller,
    client: AbortSignal,
    effect: (signal: AbortSignal) => Promise<Result<T, E>>,
  ): Promise<Result<T, E | Fault>> {
    const controller = new AbortController()
    const abort = (): void => controller.abort()
    if (client.aborted) abort()
    client.addEventListener('abort', abort)
    let end: () => unknown = () => undefined
    try {
      return await new Promise<Result<T, E | Fault>>((resolve, reject) => {
        const live: Live = {
          caller,
          cut: () => {
            abort()
            resolve(err(fault('GATEWAY_REVOKED')))
          },
        }
        this.#live.add(live)
        end = () => this.#live.delete(live)
        effect(controller.signal).then(resolve, reject)
      })
    } finally {
      end()
      client.removeEventListener('abort', abort)
    }
  }

  /** Breaks off whatever runs for a caller that stands no more. @returns how many */
  async cutLost(stands: (caller: AgentCaller) => Promise<boolean>): Promise<number> {
    let count = 0
    const cutIfLost = async (live: Live): Promise<void> => {
      if ((await stands(live.caller)) || !this.#live.has(live)) return
      live.cut()
      count++
    }
    await Promise.all([...this.#live].map(cutIfLost))
    return count
  }

  /** How much runs for any of some agents. */
  countOf(agentIds: ReadonlySet<string>): number {
    return [...this.#live].filter(({ caller }) => agentIds.has(caller.standing.agent.id)).length
  }
}

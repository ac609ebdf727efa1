import { sourceNetwork } from '../kernel/cidr.ts'

/** How many may stand at the door at once, in all and from one network. */
export const doorLimits = {
  connectionsMax: 200,
  connectionsPerSourceMax: 20,
  /** Within which whoever is connected has to have logged in. */
  graceMs: 10_000,
  triesMax: 3,
} as const

/** Counts open connections. */
export class DoorLimits {
  readonly #bySource = new Map<string, number>()
  #open = 0

  /** @returns how the connection is given back; undefined when there is no room for it */
  take(ip: string): (() => void) | undefined {
    const source = sourceNetwork(ip)
    const fromSource = this.#bySource.get(source) ?? 0
    if (this.#open >= doorLimits.connectionsMax || fromSource >= doorLimits.connectionsPerSourceMax) return undefined
    this.#open += 1
    this.#bySource.set(source, fromSource + 1)
    return () => {
      this.#open -= 1
      const left = (this.#bySource.get(source) ?? 1) - 1
      if (left > 0) this.#bySource.set(source, left)
      else this.#bySource.delete(source)
    }
  }
}

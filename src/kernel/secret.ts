import { inspect } from 'node:util'

const REDACTED = '[redacted]'

/** A credential's value. It prints `[redacted]` however it is printed; only `expose` gives the value, at the last moment. */
export class Secret<T> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  expose(): T {
    return this.#value
  }

  toString(): string {
    return REDACTED
  }

  toJSON(): string {
    return REDACTED
  }

  [inspect.custom](): string {
    return REDACTED
  }
}

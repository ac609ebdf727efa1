import { type FaultCode, faults } from './faults.ts'
import type { Result } from './result.ts'

/** A refusal. `message` is for the caller, `detail` for the operator's log only; neither ever holds a credential. */
export interface Fault {
  readonly code: FaultCode
  readonly message: string
  readonly detail: string
  readonly cause: unknown
}

export interface FaultParts {
  readonly message?: string
  readonly detail?: string
  readonly cause?: unknown
}

/** @returns the fault of that code, with the table's text unless a more precise message is given */
export function fault(code: FaultCode, parts: FaultParts = {}): Fault {
  return { code, message: parts.message ?? faults[code].text, detail: parts.detail ?? '', cause: parts.cause }
}

/** Carries a fault through code that can only throw (transactions, drivers). The catch sites turn it back into the value. */
export class FaultError extends Error {
  readonly fault: Fault

  constructor(of: Fault) {
    super(of.message, { cause: of.cause })
    this.name = 'FaultError'
    this.fault = of
  }
}

/** The value of a result where a refusal can only be thrown. @throws FaultError */
export function must<T>(result: Result<T, Fault>): T {
  if (result.ok) return result.value
  throw new FaultError(result.error)
}

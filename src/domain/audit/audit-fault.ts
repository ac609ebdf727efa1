import { type Fault, fault } from '../../kernel/fault.ts'

/** The log, its key or its checkpoints cannot be trusted or used. @param message what, and what the operator can do */
export function auditFault(message: string, cause?: unknown): Fault {
  return fault('GATEWAY_AUDIT_UNAVAILABLE', { message, cause })
}

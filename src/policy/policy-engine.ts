import type { Decision } from './decision.schema.ts'
import type { PolicyInput } from './input.schema.ts'

/** Which policy answered: the bundle's revision, `sha256:` digest, and monotonic sequence. */
export interface PolicyVersion {
  readonly revision: string
  readonly digest: string
  readonly sequence: number
}

/** A decision and the policy that made it. */
export interface Decided {
  readonly decision: Decision
  readonly policy: PolicyVersion
}

/** The policy decision point (PDP). It knows no HTTP, SQL or MCP. */
export interface PolicyEngine {
  /**
   * Answers one question. Never throws; fails closed: whatever goes wrong is `deny` with a `GATEWAY_…` reason.
   * An instance of the module that threw is discarded before the next call.
   */
  decide(input: PolicyInput): Decided

  /** The active policy, or undefined while none was ever activated; then every decision is deny. */
  active(): PolicyVersion | undefined
}

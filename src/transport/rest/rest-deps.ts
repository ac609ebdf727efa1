import type { Stores } from '../../domain/stores.ts'
import type { InTransaction } from '../../domain/work.ts'
import type { Act } from '../../gateway/act.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { PolicyEngine } from '../../policy/policy-engine.ts'

/** What the routes work with. */
export interface RestDeps {
  readonly act: Act
  /** Bound to the connection pool. */
  readonly stores: Stores
  readonly inTransaction: InTransaction
  readonly clock: Clock
  readonly policy: Pick<PolicyEngine, 'active'>
  /** The gateway's public MCP endpoint. */
  readonly mcpUrl: string
  /** Under which `x-sensitive` members enter the policy input and the log. */
  readonly hmacKey: Buffer
}

import type { LogHead } from './audit-log.ts'
import { type CheckpointVerifier, openCheckpoint } from './checkpoint.ts'
import type { StoredCheckpoint } from './checkpoint-store.ts'
import { emptyFrontier, type Frontier, pushLeaves, rootOf } from './merkle.ts'
import type { Finding } from './verify-log.ts'

/** Rebuilds the tree leaf by leaf and holds it against every checkpoint on the way. */
export class VerifyTree {
}

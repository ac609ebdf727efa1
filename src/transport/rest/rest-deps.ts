import type { AuditProofs } from '../../domain/audit/audit-proofs.ts'
import type { AuditStore } from '../../domain/audit/audit-store.ts'
import type { ExportRequest } from '../../domain/audit/export.ts'
import type { ExposureStore } from '../../domain/audit/exposure-store.ts'
import type { Verification } from '../../domain/audit/verify-log.ts'
import type { CertificateOrders } from '../../domain/certificates/certificate-orders.ts'
import type { OpenOrderDeps } from '../../domain/certificates/open-order.ts'
import type { Prober } from '../../domain/probes/prober.ts'
import type { CertificateNames } from '../../domain/probes/run-probe.ts'
import type { SecretSource } from '../../domain/secrets/secret-source.ts'
import type { SshSigner } from '../../domain/ssh/ssh-signer.ts'
import type { Stores } from '../../domain/stores.ts'
import type { InTransaction } from '../../domain/work.ts'
import type { Simulation } from '../../gateway/access/simulation.ts'
import type { PolicyBundles } from '../../gateway/bundles/policy-bundles.ts'
import type { PolicyQuestions } from '../../gateway/bundles/policy-questions.ts'
import type { Act } from '../../gateway/act.ts'
import type { Catalog } from '../../gateway/tools/catalog.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import type { PolicyEngine } from '../../policy/policy-engine.ts'

/** What the routes work with. */
export interface RestDeps {
  readonly act: Act
  /** Bound to the connection pool. */
  readonly stores: Stores
  readonly inTransaction: InTransaction
  readonly clock: Clock
  readonly source: SecretSource
  readonly prober: Prober
  readonly certificateNames: CertificateNames
  /** For so long at most what was approved can be used. */
  readonly approvalUseSeconds: number
  readonly signer: Pick<SshSigner, 'publicKey'>
  readonly recordingsDir: string
  readonly ordering: OpenOrderDeps & { readonly running: Pick<CertificateOrders, 'start'> }
  readonly audit: {
    readonly store: AuditStore
    readonly exposures: ExposureStore
    readonly proofs: AuditProofs
    verify(): Promise<Verification>
    export(request: ExportRequest): Promise<Result<AsyncIterable<string>, Fault>>
    /** The public key of the log (SPKI, PEM). */
    readonly publicPem: string
  }
  readonly policy: Pick<PolicyEngine, 'active'>
  readonly bundles: PolicyBundles
  readonly policyQuestions: PolicyQuestions
  /** Asks the policy what would be, with no effect. */
  readonly simulation: Simulation
  readonly catalog: Catalog
  /** The gateway's public MCP endpoint; asked for only once the server listens. */
  readonly mcpUrl: () => string
  /** Under which `x-sensitive` members enter the policy input and the log. */
  readonly hmacKey: Buffer
}

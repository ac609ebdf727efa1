import { EgressGuard } from '../adapters/egress/egress-guard.ts'
import { createProber } from '../adapters/egress/egress-prober.ts'
import type { Config } from '../config/config.schema.ts'
import type { CertificateNames } from '../domain/probes/run-probe.ts'
import type { Clock } from '../kernel/clock.ts'

/** The way out for probes. */
export function openProber({ egress }: Config, clock: Clock) {
  // Until there are certificates, none has a name.
  const certificates: CertificateNames = { fingerprintOf: async () => undefined }
  return { prober: createProber(new EgressGuard(egress), clock), certificates }
}

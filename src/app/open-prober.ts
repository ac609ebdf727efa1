import { EgressGuard } from '../adapters/egress/egress-guard.ts'
import { createProber } from '../adapters/egress/egress-prober.ts'
import type { Config } from '../config/config.schema.ts'
import { fingerprintOf } from '../domain/certificates/read-certificate.ts'
import type { CertificateNames } from '../domain/probes/run-probe.ts'
import type { Stores } from '../domain/stores.ts'
import type { Clock } from '../kernel/clock.ts'

/** The way out for probes, and what tells them which certificate an endpoint should serve. */
export function openProber({ egress }: Config, clock: Clock, { certificates }: Pick<Stores, 'certificates'>) {
  const certificateNames: CertificateNames = {
    fingerprintOf: (name, groups) => fingerprintOf(certificates, name, groups),
  }
  return { prober: createProber(new EgressGuard(egress), clock), certificateNames }
}

import type { Json } from '../../kernel/canonical-json.ts'
import type { Environment } from '../../kernel/vocabulary.ts'
import type { AuditEvent } from '../audit/event.ts'
import type { AddressResult, ProbeVerdict } from './probe-verdict.ts'

/** One look at an endpoint. */
export interface ProbeResult {
  readonly at: Date
  readonly verdict: ProbeVerdict
  readonly addresses: readonly AddressResult[]
}

/** What is looked at, for whom, and whether again and again. */
export interface ProbeDraft {
  readonly id: string
  /** Canonical. */
  readonly target: string
  /** SHA-256 fingerprint or name of the certificate that the endpoint should serve. */
  readonly expectCertificate: string | null
  /** Null for a single look. */
  readonly everySeconds: number | null
  readonly groups: readonly string[]
  readonly createdAt: Date
  readonly createdBy: string
}

export interface Probe extends ProbeDraft {
  /** The strictest of its groups. */
  readonly environment: Environment | ''
  /** Null until the first look ended. */
  readonly latest: ProbeResult | null
}

export function probeResource(probe: Probe): NonNullable<AuditEvent['resource']> {
  const { id, target: name, groups, environment } = probe
  return { type: 'probe', id, name, groups, environment, version: null }
}

/** The probe as people and events see it. */
export function probeView(probe: Probe) {
  const { id, target, expectCertificate, everySeconds, environment, latest } = probe
  return {
    id,
    target,
    groups: [...probe.groups],
    environment,
    expectCertificate,
    everySeconds,
    verdict: latest?.verdict ?? null,
    checkedAt: latest?.at.toISOString() ?? null,
    addresses: [...(latest?.addresses ?? [])],
    createdAt: probe.createdAt.toISOString(),
    createdBy: probe.createdBy,
  }
}

/** What an event tells of a look: enough to see which address served what. */
export function resultDetails({ verdict, addresses }: ProbeResult): { readonly [name: string]: Json } {
  return {
    verdict,
    addresses: addresses.map((each) => ({
      address: each.address,
      verdict: each.verdict,
      fingerprint: each.chain?.certificates[0]?.fingerprint ?? null,
      servedMatchesExpected: each.servedMatchesExpected,
    })),
  }
}

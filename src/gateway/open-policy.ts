import { readFile } from 'node:fs/promises'
import type { AuditLog } from '../domain/audit/audit-log.ts'
import { systemAuthor } from '../domain/audit/author.ts'
import { type Fault, FaultError, fault } from '../kernel/fault.ts'
import { readBundle } from '../policy/bundle.ts'
import type { PolicyEngine } from '../policy/policy-engine.ts'
import { createPolicyEngine } from '../policy/wasm-policy-engine.ts'

/**
 * Starts the decision point with the bundle behind a `file:` URL and puts on record which policy is in force.
 * @throws FaultError CONFIGURATION_INVALID when there is no such bundle or the engine refuses it
 */
export async function openPolicy(source: string, auditLog: AuditLog): Promise<PolicyEngine> {
  const policy = createPolicyEngine()
  const bundle = readBundle(await readSource(source))
  const activated = bundle.ok ? policy.activate(bundle.value) : bundle
  if (!activated.ok) throw refused(`The policy bundle ${source} is refused: ${activated.error.detail}`)
  const { revision, digest, sequence } = activated.value
  await auditLog.append([
    {
      event: {
        type: 'POLICY_BUNDLE_ACTIVATED',
        actor: systemAuthor('start').actor,
        outcome: 'ok',
        policy: { revision, digest },
        details: { sequence, source },
      },
    },
  ])
  return policy
}

async function readSource(source: string): Promise<Buffer> {
  if (!source.startsWith('file:')) throw refused('policy.source: this version reads bundles behind file: only')
  return readFile(new URL(source)).catch((cause: unknown) => {
    throw refused(`The policy bundle ${source} cannot be read; policy.source names it`, cause)
  })
}

function refused(message: string, cause?: unknown): FaultError {
  const refusal: Fault = fault('CONFIGURATION_INVALID', { message, cause })
  return new FaultError(refusal)
}

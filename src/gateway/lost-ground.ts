import { isSameToPolicy as isSameCertificate } from '../domain/certificates/certificate.ts'
import { isSameToPolicy } from '../domain/secrets/secret.ts'
import { type Fault, fault } from '../kernel/fault.ts'
import type { AgentCaller } from './caller.ts'
import type { Directory } from './directory.ts'
import type { Identified } from './identify.ts'
import { type StandingDeps, stillStands } from './standing.ts'

export interface GroundDeps extends StandingDeps {
  readonly directory: Directory
}

/**
 * What an allow stood on and is no more: the caller's rights, its session, or the resource as the policy was told of it.
 * Whatever of that changes moves the authority epoch, so while the epoch stands nobody is asked.
 * @returns GATEWAY_REVOKED, GATEWAY_RESOURCE_CHANGED, or undefined when all is as it was decided
 */
export async function lostGround(
  deps: GroundDeps,
  caller: AgentCaller,
  resource: Identified,
): Promise<Fault | undefined> {
  if (!(await stillStands(deps, caller))) return fault('GATEWAY_REVOKED')
  return (await isAsDecided(deps, caller, resource)) ? undefined : fault('GATEWAY_RESOURCE_CHANGED')
}

async function isAsDecided(
  { authority, directory }: GroundDeps,
  caller: AgentCaller,
  resource: Identified,
): Promise<boolean> {
  if (resource.type === 'certificate' && resource.certificate !== undefined && authority.epoch() !== caller.epoch) {
    const present = await directory.certificate(resource.name)
    return present !== undefined && isSameCertificate(present, resource.certificate)
  }
  if (resource.type !== 'secret' || authority.epoch() === caller.epoch) return true
  const present = await directory.secret(caller.standing.agent.id, resource.name)
  if (present === undefined || resource.secret === undefined) return present === resource.secret
  return isSameToPolicy(present, resource.secret)
}

import type { Scope } from '../../kernel/vocabulary.ts'
import type { Tool } from '../tool.ts'
import { createProbe } from './create-probe.ts'
import { getApproval } from './get-approval.ts'
import { requestApproval } from './request-approval.ts'
import { endSshSession } from './end-ssh-session.ts'
import { requestSshSession } from './request-ssh-session.ts'
import { runSshCommand } from './run-ssh-command.ts'
import { getCertificate } from './get-certificate.ts'
import { getProbe } from './get-probe.ts'
import { getSecret } from './get-secret.ts'
import { listAllowedHosts } from './list-allowed-hosts.ts'
import { listAllowedResources, type ToolsOn } from './list-allowed-resources.ts'
import { type RequestCertificateDeps, requestCertificate } from './request-certificate.ts'
import { writeAuditEvent } from './write-audit-event.ts'

type Deps = RequestCertificateDeps &
  Parameters<typeof getCertificate>[0] &
  Parameters<typeof getSecret>[0] &
  Parameters<typeof listAllowedHosts>[0] &
  Omit<Parameters<typeof listAllowedResources>[0], 'toolsOn'> &
  Parameters<typeof createProbe>[0] &
  Parameters<typeof getApproval>[0] &
  Omit<Parameters<typeof requestApproval>[0], 'toolNamed'> &
  Parameters<typeof runSshCommand>[0] &
  Parameters<typeof writeAuditEvent>[0]

export interface Catalog {
  /** Every tool, in the order in which agents see them. */
  readonly tools: readonly Tool[]
  readonly toolsOn: ToolsOn
}

export function createCatalog(deps: Deps): Catalog {
  const secret = getSecret(deps)
  const hosts = listAllowedHosts(deps)
  // Without anybody to issue one, a certificate can be read but not asked for.
  const ordering = deps.ordering.authorities.size > 0 ? [requestCertificate(deps)] : []
  const certificate = [getCertificate(deps), ...ordering]
  const requestSsh = requestSshSession(deps)
  const runSsh = runSshCommand(deps)
  const probe = createProbe(deps)
  const readProbe = getProbe()
  const toolsOn = {
    secret: [secret],
    certificate,
    host: [hosts, requestSsh, runSsh],
    probe_target: [probe],
    probe: [readProbe],
  }
  const toolNamed = (name: string): Tool | undefined => tools.find((tool) => tool.name === name)
  const tools: readonly Tool[] = [
    listAllowedResources({ ...deps, toolsOn }),
    secret,
    ...certificate,
    hosts,
    requestSsh,
    runSsh,
    endSshSession(deps),
    probe,
    readProbe,
    requestApproval({ ...deps, toolNamed }),
    getApproval(deps),
    writeAuditEvent(deps),
  ]
  return { tools, toolsOn }
}

/** The tools an agent sees: those for which it effectively holds a scope. Calling another one is a denial, not an error. */
export function listedTools(catalog: readonly Tool[], held: readonly Scope[]): readonly Tool[] {
  return catalog.filter((tool) => tool.scopes.some((scope) => held.includes(scope)))
}

import type { Certificate } from '../../domain/certificates/certificate.ts'
import {
  type RequestCertificateArguments,
  type RequestCertificateResult,
  requestCertificateArguments,
  requestCertificateResult,
} from '../../domain/certificates/certificate.schema.ts'
import type { CertificateOrders } from '../../domain/certificates/certificate-orders.ts'
import { type OpenOrderDeps, orderNew, orderRenewal, type Requester } from '../../domain/certificates/open-order.ts'
import type { Order } from '../../domain/certificates/order.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { AgentCaller } from '../caller.ts'
import { defineTool, type RunContext, type Tool } from '../tool.ts'

/** Within this a call that was made before is answered with the order that it opened. */
const SAME_ORDER_MS = 10 * 60_000
/** A call waits for its order this long; most are through by then. */
const HOLD_MS = 10_000

export interface RequestCertificateDeps {
  readonly ordering: OpenOrderDeps & { readonly running: Pick<CertificateOrders, 'start' | 'settled'> }
}

/** Renews a certificate or orders a new one. Scope: `certificate:request`. */
export function requestCertificate({ ordering: deps }: RequestCertificateDeps): Tool {
  return defineTool<RequestCertificateArguments, RequestCertificateResult>({
    name: 'certlocker_request_certificate',
    title: 'Renew or order a certificate',
    description:
      'Renews a certificate by name, or orders a new one for domains in a group. While orderStatus is pending, ready or ' +
      'processing, call again with the same arguments: the call finds the same order. It never returns a key.',
    action: 'certificate.request',
    scopes: ['certificate:request'],
    readOnly: false,
    attaches: true,
    arguments: requestCertificateArguments,
    result: requestCertificateResult,
    problemOf: ({ name, domains, group }) => {
      const isNew = domains !== undefined && group !== undefined && name === undefined
      const isRenewal = name !== undefined && domains === undefined && group === undefined
      return isNew || isRenewal ? undefined : 'arguments give either name, or domains and group'
    },
    resource: ({ name, domains = [], group = '' }) =>
      name === undefined
        ? { type: 'certificate', name: '', planned: { domains, group } }
        : { type: 'certificate', name },
    run: async (context) => {
      const opened = await openOrder(deps, context)
      if (!opened.ok) return opened
      const { name, order } = opened.value
      deps.running.start(order.id)
      const settled = await deps.running.settled(order, HOLD_MS, context.signal)
      return ok(await resultOf(deps, name, settled))
    },
  })
}

interface Opened {
  readonly name: string
  readonly order: Order
}

async function openOrder(
  deps: RequestCertificateDeps['ordering'],
  { caller, resource, decisionId }: RunContext<RequestCertificateArguments>,
): Promise<Result<Opened, Fault>> {
  const requester: Requester = { by: authorOf(caller), decisionId }
  if (resource.type !== 'certificate') return err(fault('NOT_FOUND'))
  const { certificate, planned } = resource
  if (certificate !== undefined) return reordered(deps, requester, certificate)
  if (planned === undefined) return err(fault('NOT_FOUND'))
  const { domains, group } = planned
  const [first = ''] = domains
  const plain = first.replace(/^\*\./, 'wildcard.').slice(0, 100)
  const names = [plain, `${plain}-${requester.decisionId.slice(-8)}`]
  for (const name of names) {
    const created = await orderNew(deps, requester, { name, groups: [group], domains })
    if (created.ok) return ok({ name, order: created.value.order })
    if (created.error.code !== 'NAME_TAKEN') return created
    // An identical call may have been first.
    const same = await deps.certificates.findByDomains(domains, group)
    if (same !== undefined) return reordered(deps, requester, same)
  }
  return err(fault('NAME_TAKEN'))
}

async function reordered(
  deps: RequestCertificateDeps['ordering'],
  requester: Requester,
  certificate: Certificate,
): Promise<Result<Opened, Fault>> {
  const { name, id } = certificate
  const running = await deps.orders.findRunning(id)
  const since = new Date(deps.clock.now() - SAME_ORDER_MS)
  const known = running ?? (await deps.orders.findFinished(id, since))
  if (known !== undefined) return ok({ name, order: known })
  const renewed = await orderRenewal(deps, requester, certificate)
  return renewed.ok ? ok({ name, order: renewed.value }) : renewed
}

async function resultOf(
  { certificates }: RequestCertificateDeps['ordering'],
  name: string,
  { certificateId, status, version, problem }: Order,
): Promise<RequestCertificateResult> {
  const issued = status === 'valid' ? await certificates.findVersion(certificateId, version) : undefined
  const said = { name, orderStatus: status, ...(problem === null ? {} : { problem }) }
  if (issued === undefined) return said
  return { ...said, version, fingerprint: issued.fingerprint, notAfter: issued.notAfter.toISOString() }
}

/** The agent; its decision is on record already. */
function authorOf({ standing, request, client }: AgentCaller): Requester['by'] {
  const { agent, effectiveGroups: groups } = standing
  return {
    actor: { kind: 'agent', id: agent.id, name: agent.name },
    groups,
    requestId: request.id,
    traceparent: request.traceparent,
    client: { ip: request.clientIp, name: client.name, version: client.version },
    decision: null,
    breakGlass: false,
  }
}

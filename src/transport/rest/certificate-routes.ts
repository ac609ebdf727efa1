import { certificateVersionView, certificateView, type Certificate } from '../../domain/certificates/certificate.ts'
import {
  type AddCertificateVersion,
  addCertificateVersionSchema,
  type CreateCertificate,
  certificateOrderSchema,
  certificateSchema,
  certificateVersionSchema,
  createCertificateSchema,
  type UpdateCertificate,
  updateCertificateSchema,
} from '../../domain/certificates/certificate.schema.ts'
import { orderNew, orderRenewal, type Requester } from '../../domain/certificates/open-order.ts'
import { type Order, orderView } from '../../domain/certificates/order.ts'
import { addCertificateVersion } from '../../domain/certificates/add-certificate-version.ts'
import { updateCertificate } from '../../domain/certificates/update-certificate.ts'
import { uploadCertificate } from '../../domain/certificates/upload-certificate.ts'
import type { Author } from '../../domain/audit/author.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { groupFilter, groupsToList, listOf, listQuery, type PageQuery, pageOf } from './list.ts'
import { mapOk } from './map-ok.ts'
import { resourceInGroups } from './resource-in-groups.ts'
import type { RestDeps } from './rest-deps.ts'
import { defineRoute, missing, type Route } from './route.ts'
import { bodyShape, queryShape } from './validate.ts'

const DAY_MS = 86_400_000

const expiring = {
  type: 'string',
  maxLength: 5,
  pattern: '^[0-9]{1,4}d$',
  description: 'Only those that end within so many days, or have ended',
  examples: ['30d'],
} as const

export const certificateRoutes: readonly Route[] = [
  defineRoute({
    id: 'createCertificate',
    method: 'POST',
    path: '/certificates',
    action: 'certificate.create',
    summary: 'Order a certificate (domains), or upload one that exists (chain and privateKey)',
    status: 201,
    body: bodyShape<CreateCertificate>(createCertificateSchema),
    response: certificateSchema,
    errors: ['NAME_TAKEN', 'REFERENCE_UNKNOWN', 'GROUP_NOT_PERMITTED', 'STATE_CONFLICT'],
    find: async ({ stores }, { body }) => {
      const planned = {
        type: 'certificate',
        name: body.name,
        exists: false,
        domains: await stores.groups.domains(body.groups),
      }
      return ok({
        resource: await resourceInGroups(stores, planned, body.groups),
        subject: undefined,
        derived: { domains: body.domains ?? [] },
      })
    },
    handle: (deps, by, { body }) => create(deps, by, body),
  }),
  defineRoute({
    id: 'listCertificates',
    method: 'GET',
    path: '/certificates',
    action: 'certificate.list',
    summary: 'List certificates in the groups of the caller; admins and auditors see all',
    query: queryShape<PageQuery & { readonly group?: string; readonly expiring?: string }>(
      listQuery({ group: groupFilter, expiring }),
    ),
    response: listOf(certificateSchema),
    handle: async ({ stores, clock }, _by, { caller, query }) => {
      const before =
        query.expiring === undefined ? {} : { notAfterBefore: inDays(clock.now(), Number.parseInt(query.expiring, 10)) }
      const filter = { ...(await groupsToList(stores, caller, query.group)), ...before }
      const page = await stores.certificates.list(filter, pageOf(query))
      return mapOk(page, ({ items, nextCursor }) => ({ items: items.map(certificateView), nextCursor }))
    },
  }),
  defineRoute({
    id: 'getCertificate',
    method: 'GET',
    path: '/certificates/:id',
    action: 'certificate.read',
    summary: 'Show a certificate; never its key',
    response: certificateSchema,
    find: (deps, { id }) => findCertificate(deps, id),
    handle: async (_deps, _by, _request, certificate) => ok(certificateView(certificate)),
  }),
  defineRoute({
    id: 'updateCertificate',
    method: 'PATCH',
    path: '/certificates/:id',
    action: 'certificate.update',
    summary: 'Change its groups, the domains of its next order, or who renews it',
    body: bodyShape<UpdateCertificate>(updateCertificateSchema),
    response: certificateSchema,
    errors: ['REFERENCE_UNKNOWN', 'GROUP_NOT_PERMITTED'],
    find: async (deps, { id, body: { groups, domains = [] } }) => {
      const found = await findCertificate(deps, id, groups)
      return mapOk(found, (known) => ({ ...known, derived: { domains } }))
    },
    handle: async ({ ordering }, by, { body }, { id }) =>
      mapOk(await updateCertificate(ordering, by, id, body), certificateView),
  }),
  defineRoute({
    id: 'addCertificateVersion',
    method: 'POST',
    path: '/certificates/:id/versions',
    action: 'certificate.update',
    summary: 'Upload its next version, which was issued elsewhere',
    status: 201,
    body: bodyShape<AddCertificateVersion>(addCertificateVersionSchema),
    response: certificateSchema,
    errors: ['STATE_CONFLICT'],
    find: async (deps, { id }) => mapOk(await findCertificate(deps, id), (known) => ({ ...known, derived: {} })),
    handle: async (deps, by, { body }, certificate) =>
      mapOk(await addCertificateVersion(deps, by, certificate, body), certificateView),
  }),
  defineRoute({
    id: 'renewCertificate',
    method: 'POST',
    path: '/certificates/:id/renew',
    action: 'certificate.renew',
    summary: 'Order its next version, or find the order that is under way',
    response: certificateSchema,
    errors: ['REFERENCE_UNKNOWN', 'STATE_CONFLICT'],
    find: (deps, { id }) => findCertificate(deps, id),
    handle: async (deps, by, _request, certificate) => {
      const requester = requesterOf(by)
      const order = requester.ok ? await orderRenewal(deps.ordering, requester.value, certificate) : requester
      return mapOk(order, (opened) => started(deps, certificate, opened))
    },
  }),
  defineRoute({
    id: 'listCertificateVersions',
    method: 'GET',
    path: '/certificates/:id/versions',
    action: 'certificate.read',
    summary: 'List its versions with their chains, newest first',
    query: queryShape<PageQuery>(listQuery()),
    response: listOf(certificateVersionSchema),
    find: (deps, { id }) => findCertificate(deps, id),
    handle: async ({ stores }, _by, { query }, { id }) =>
      ok({
        items: (await stores.certificates.listVersions(id, query.limit)).map(certificateVersionView),
        nextCursor: null,
      }),
  }),
  defineRoute({
    id: 'listCertificateOrders',
    method: 'GET',
    path: '/certificates/:id/orders',
    action: 'certificate.read',
    summary: 'List the orders for it and how each went, newest first',
    query: queryShape<PageQuery>(listQuery()),
    response: listOf(certificateOrderSchema),
    find: (deps, { id }) => findCertificate(deps, id),
    handle: async ({ stores }, _by, { query }, { id }) =>
      ok({ items: (await stores.orders.list(id, query.limit)).map(orderView), nextCursor: null }),
  }),
]

async function create(deps: RestDeps, by: Author, body: CreateCertificate): Promise<Result<object, Fault>> {
  const { name, groups, domains, issuer, chain, privateKey } = body
  if (chain !== undefined && privateKey !== undefined && domains === undefined && issuer === undefined)
    return mapOk(await uploadCertificate(deps, by, { name, groups, chain, privateKey }), certificateView)
  if (domains === undefined || chain !== undefined || privateKey !== undefined)
    return err(fault('ARGUMENT_INVALID', { message: 'Give either domains (and issuer), or chain and privateKey' }))
  const requester = requesterOf(by)
  if (!requester.ok) return requester
  const wanted = { name, groups, domains, ...(issuer === undefined ? {} : { issuer }) }
  const opened = await orderNew(deps.ordering, requester.value, wanted)
  return mapOk(opened, ({ certificate, order }) => started(deps, certificate, order))
}

function started({ ordering }: RestDeps, certificate: Certificate, order: Order): object {
  ordering.running.start(order.id)
  return { ...certificateView(certificate), orderStatus: order.status, orderId: order.id }
}

/** An order stands on a decision; the owners' way out, which has none, orders nothing. */
function requesterOf(by: Author): Result<Requester, Fault> {
  return by.decision === null ? err(fault('ACCESS_DENIED')) : ok({ by, decisionId: by.decision.record.id })
}

/** @param asked groups that it would have instead, whose domains count then */
async function findCertificate({ stores }: RestDeps, idOrName: string, asked?: readonly string[]) {
  const certificate = await stores.certificates.find(idOrName)
  if (certificate === undefined) return missing('certificate', idOrName)
  const { id, name, groups, domains, permittedDomains } = certificate
  const permitted = asked === undefined ? permittedDomains : await stores.groups.domains(asked)
  const known = { type: 'certificate', id, name, groups, exists: true, domains: permitted }
  return ok({ resource: await resourceInGroups(stores, known, asked), subject: certificate, derived: { domains } })
}

function inDays(now: number, days: number): Date {
  return new Date(now + days * DAY_MS)
}

import type { FromSchema } from 'json-schema-to-ts'
import type { Certificate } from '../../domain/certificates/certificate.ts'
import type { CertificateStore } from '../../domain/certificates/certificate-store.ts'
import type { Host } from '../../domain/hosts/host.ts'
import type { HostStore } from '../../domain/hosts/host-store.ts'
import type { SecretRecord } from '../../domain/secrets/secret.ts'
import type { SecretStore } from '../../domain/secrets/secret-store.ts'
import type { Paged } from '../../domain/page.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Fault } from '../../kernel/fault.ts'
import { ok, type Result } from '../../kernel/result.ts'
import { type Scope, scopes } from '../../kernel/vocabulary.ts'
import type { AgentCaller } from '../caller.ts'
import { probeInput } from '../identify-probe.ts'
import type { Identified } from '../identify.ts'
import type { ResourceInput } from '../../policy/input.ts'
import { type ActionsOn, listLimitDefault, pageOf, type Shelf } from '../listing.ts'
import { defineTool, type Tool } from '../tool.ts'
import { type ListedEndpoint, listedEndpoints, type ProbeShelfDeps } from './probe-shelf.ts'
import { cursorArgument, limitArgument, queryArgument } from './list-arguments.ts'

const types = ['certificate', 'host', 'private_secret', 'probe', 'secret'] as const
type ResourceType = (typeof types)[number]

/** Holding one of them shows the type. */
const scopesOf: Record<ResourceType, readonly Scope[]> = {
  certificate: ['certificate:read', 'certificate:request'],
  host: ['host:read'],
  private_secret: ['private_secret:read'],
  probe: ['probe:create', 'probe:read'],
  secret: ['secret:read'],
}

const DAY_MS = 86_400_000

const argumentsSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    type: { enum: types, description: 'Only resources of this type' },
    query: queryArgument,
    expiringWithinDays: {
      type: 'integer',
      minimum: 0,
      maximum: 3650,
      description: 'Only certificates that end within so many days, or have ended',
    },
    cursor: cursorArgument,
    limit: limitArgument,
  },
} as const

const resultSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['items', 'nextCursor'],
  properties: {
    items: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['type', 'name', 'groups', 'environment', 'version', 'notAfter', 'actions'],
        properties: {
          type: { enum: types },
          name: { type: 'string' },
          groups: { type: 'array', items: { type: 'string' } },
          environment: { type: 'string' },
          version: { type: ['integer', 'null'] },
          notAfter: { type: ['string', 'null'] },
          actions: { type: 'object', additionalProperties: { enum: ['allow', 'require_approval'] } },
        },
      },
    },
    nextCursor: { type: ['string', 'null'] },
  },
} as const

interface ListDeps extends Pick<ProbeShelfDeps, 'prober'> {
  readonly probes: ProbeShelfDeps['probes']
  readonly groups: ProbeShelfDeps['groups']
  readonly secrets: Pick<SecretStore, 'listReachable'>
  readonly hosts: Pick<HostStore, 'listReachable'>
  readonly certificates: Pick<CertificateStore, 'listReachable'>
  readonly clock: Clock
  readonly actionsOn: ActionsOn
  readonly toolsOn: ToolsOn
}

/** The tools that act on one named resource, by the type of resource; the hosts' own list stands in for them. */
export interface ToolsOn {
  readonly secret: readonly Tool[]
  readonly host: readonly Tool[]
  readonly certificate: readonly Tool[]
  readonly probe_target: readonly Tool[]
  readonly probe: readonly Tool[]
}

/** Lists what the agent could ask for and with which effect. Never a value. Any scope; types its scopes act on. */
export function listAllowedResources(deps: ListDeps): Tool {
  return defineTool<FromSchema<typeof argumentsSchema>, FromSchema<typeof resultSchema>>({
    name: 'certlocker_list_allowed_resources',
    title: 'List allowed resources',
    description:
      'Lists the names of secrets, certificates, hosts and endpoints to probe that this agent may ask for, and for each tool whether the answer is allow or require_approval.',
    action: 'resource.list',
    scopes,
    readOnly: true,
    arguments: argumentsSchema,
    result: resultSchema,
    run: async ({ caller, arguments: { type, query = '', expiringWithinDays, cursor, limit = listLimitDefault } }) => {
      const wanted = types.filter(
        (each) =>
          (type === undefined || each === type) &&
          (expiringWithinDays === undefined || each === 'certificate') &&
          scopesOf[each].some((scope) => caller.standing.effectiveScopes.includes(scope)),
      )
      const rows = await pageOf(
        wanted.map((each) => shelf(deps, caller, each, { query, expiringWithinDays })),
        { cursor, limit },
      )
      if (!rows.ok) return rows
      const items: Item[] = []
      for (const { kind, resource, also } of rows.value.items) {
        const own = await deps.actionsOn(caller, deps.toolsOn[resource.type], resource)
        const further = also && (await deps.actionsOn(caller, deps.toolsOn[also.type], also))
        const actions = { ...own, ...further }
        if (Object.keys(actions).length > 0) items.push({ ...itemOf(kind, resource, also), actions })
      }
      return ok({ items, nextCursor: rows.value.nextCursor })
    },
  })
}

type Listed = Extract<Identified, { type: 'secret' | 'host' | 'certificate' | 'probe_target' }>
type Probed = Extract<Identified, { type: 'probe' }>
type Item = ReturnType<typeof itemOf> & { readonly actions: { readonly [tool: string]: 'allow' | 'require_approval' } }

interface Row {
  readonly kind: ResourceType
  readonly resource: Listed
  /** What the same name stands for besides: the latest probe of an endpoint. */
  readonly also?: Probed
}

interface Wanted {
  readonly query: string
  readonly expiringWithinDays: number | undefined
}

function shelf(
  deps: ListDeps,
  caller: AgentCaller,
  kind: ResourceType,
  { query, expiringWithinDays }: Wanted,
): Shelf<Row> {
  const { effectiveGroups: groups, agent } = caller.standing
  return {
    kind,
    page: async (page) => {
      if (kind === 'host') return rowsOf(await deps.hosts.listReachable({ groups, query }, page), hostRow)
      if (kind === 'certificate') {
        const notAfterBefore = new Date(deps.clock.now() + (expiringWithinDays ?? 0) * DAY_MS)
        const filter = { groups, query, ...(expiringWithinDays === undefined ? {} : { notAfterBefore }) }
        return rowsOf(await deps.certificates.listReachable(filter, page), certificateRow)
      }
      if (kind === 'probe') return rowsOf(await listedEndpoints(deps, { groups, query }, page), endpointRow)
      const secretKind = kind === 'secret' ? 'shared' : 'private'
      return rowsOf(
        await deps.secrets.listReachable({ kind: secretKind, groups, ownerId: agent.ownerId, query }, page),
        (secret) => secretRow(kind, secret),
      )
    },
  }
}

function rowsOf<T>(found: Result<Paged<T>, Fault>, row: (item: T) => Row): Result<Paged<Row>, Fault> {
  return found.ok ? ok({ items: found.value.items.map(row), nextCursor: found.value.nextCursor }) : found
}

function hostRow(host: Host): Row {
  return { kind: 'host', resource: { type: 'host', name: host.name, host } }
}

function certificateRow(certificate: Certificate): Row {
  const { name } = certificate
  return { kind: 'certificate', resource: { type: 'certificate', name, certificate, planned: undefined } }
}

function endpointRow({ target, probe }: ListedEndpoint): Row {
  const also = probe === undefined ? {} : { also: { type: 'probe', name: target.name, probe } as const }
  return { kind: 'probe', resource: target, ...also }
}

function secretRow(kind: ResourceType, secret: SecretRecord): Row {
  return { kind, resource: { type: 'secret', name: secret.name, version: secret.currentVersion, secret } }
}

function itemOf(type: ResourceType, resource: Listed, also: Probed | undefined) {
  const { groups = [], environment = '' } =
    (resource.type === 'probe_target' ? endpointFacts(resource, also) : foundIn(resource)) ?? {}
  return {
    type,
    name: resource.name,
    groups: [...groups],
    environment,
    version: versionOf(resource),
    notAfter: resource.type === 'certificate' ? (resource.certificate?.current?.notAfter.toISOString() ?? null) : null,
  }
}

function versionOf(resource: Listed): number | null {
  if (resource.type === 'certificate') return resource.certificate?.currentVersion ?? null
  return resource.type === 'secret' ? resource.version : null
}

/** The groups that register it; of one that none registers any more, those it was probed for. */
function endpointFacts(
  target: Extract<Identified, { type: 'probe_target' }>,
  also: Probed | undefined,
): Pick<ResourceInput, 'groups' | 'environment'> {
  return target.registered.length > 0 || also === undefined ? probeInput(target) : probeInput(also)
}

function foundIn(resource: Exclude<Listed, { type: 'probe_target' }>): Host | SecretRecord | Certificate | undefined {
  if (resource.type === 'host') return resource.host
  return resource.type === 'secret' ? resource.secret : resource.certificate
}

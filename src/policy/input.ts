import { type Environment, environments } from '../kernel/vocabulary.ts'
import { inputStringMax, type PolicyInput, policyInputSchema } from './input.schema.ts'
import { localTime, unixMsMax } from './local-time.ts'

const listMax = policyInputSchema.properties.principal.properties.groups.maxItems

type Facts<T> = T extends readonly (infer Item)[]
  ? readonly Facts<Item>[]
  : T extends object
    ? { readonly [Name in keyof T]?: Facts<T[Name]> | undefined }
    : T

type Known<T, Name extends keyof T> = Facts<T> & { readonly [Required in Name]: Facts<T[Required]> }

/** What is known of the resource; its registered name where it exists, else the name that was asked for. */
export type ResourceInput = Known<PolicyInput['resource'], 'type' | 'name' | 'exists'>

/** What the gateway knows about one call. What it does not know is left out. */
export interface InputFacts {
  readonly call: Omit<PolicyInput['call'], 'time'> & { readonly unixMs: number }
  /** IANA name; weekday, hour and minute are told in it. */
  readonly timeZone: string
  readonly principal: Known<PolicyInput['principal'], 'kind' | 'id' | 'name'>
  readonly token?: Facts<PolicyInput['token']>
  readonly session?: Facts<PolicyInput['session']>
  readonly history?: Facts<PolicyInput['history']>
  readonly client?: Facts<PolicyInput['client']>
  readonly resource?: ResourceInput
  /** Schema-valid, with `x-sensitive` leaves masked. */
  readonly arguments?: { readonly [name: string]: unknown }
  readonly derived?: Facts<PolicyInput['derived']>
  readonly elevation?: Facts<PolicyInput['elevation']>
  readonly approval?: Known<PolicyInput['approval'], 'status'> & { readonly approvers?: readonly Approver[] }
  readonly mode?: PolicyInput['mode']
}

type Approver = Known<PolicyInput['approval']['approvers'][number], 'id'>

/**
 * The one maker of policy inputs: total, sets sorted and without duplicates, counts whole and not negative, and texts
 * that merely describe cut to the bound. What a rule may compare (call, resource, arguments, derived) is never cut,
 * since a cut text could pass where the whole one would not: beyond the bound, the engine refuses the input.
 */
export function buildInput(facts: InputFacts): PolicyInput {
  const { call, principal, arguments: args = {}, mode = 'enforce' } = facts
  const unixMs = Math.min(count(call.unixMs), unixMsMax)
  return {
    schema: 'certlocker.input/v1',
    call: {
      id: call.id,
      action: call.action,
      tool: call.tool,
      digest: call.digest,
      attempt: count(call.attempt),
      time: { unixMs, ...localTime(unixMs, facts.timeZone) },
    },
    principal: {
      kind: principal.kind,
      id: cut(principal.id),
      name: cut(principal.name),
      owner: cut(principal.owner),
      ownerDisabled: principal.ownerDisabled ?? false,
      riskLevel: principal.riskLevel ?? '',
      status: principal.status ?? '',
      scopes: authority(principal.scopes),
      groups: authority(principal.groups),
      role: principal.role ?? '',
    },
    token: token(facts.token ?? {}),
    session: session(facts.session ?? {}),
    history: { minute: activity(facts.history?.minute ?? {}), hour: activity(facts.history?.hour ?? {}) },
    client: client(facts.client ?? {}),
    resource: resource(facts.resource ?? { type: '', name: '', exists: false }),
    arguments: args,
    derived: derived(facts.derived ?? {}),
    elevation: elevation(facts.elevation ?? {}),
    approval: approval(facts.approval ?? { status: 'none' }),
    mode,
  }
}

/** The environment whose rules bind a resource of several groups; `""` for no environment. */
export function strictestEnvironment(of: readonly (Environment | '')[]): Environment | '' {
  return environments.find((environment) => of.includes(environment)) ?? ''
}

function token(facts: Facts<PolicyInput['token']>): PolicyInput['token'] {
  return {
    id: cut(facts.id),
    groups: authority(facts.groups),
    scopes: authority(facts.scopes),
    expiresUnixMs: count(facts.expiresUnixMs),
    cidrs: authority(facts.cidrs),
    cidrMatched: facts.cidrMatched ?? false,
    singleUse: facts.singleUse ?? false,
    spent: facts.spent ?? false,
  }
}

function session(facts: Facts<PolicyInput['session']>): PolicyInput['session'] {
  const { name, verified = false } = facts.launcher ?? {}
  return { id: cut(facts.id), ageSeconds: count(facts.ageSeconds), launcher: { name: cut(name), verified } }
}

type Activity = PolicyInput['history']['hour']

function activity(facts: Facts<Activity>): Activity {
  return {
    calls: count(facts.calls),
    denials: count(facts.denials),
    deniedNames: count(facts.deniedNames),
    distinctSecrets: count(facts.distinctSecrets),
    productionReads: count(facts.productionReads),
  }
}

function client(facts: Facts<PolicyInput['client']>): PolicyInput['client'] {
  return { ip: cut(facts.ip), name: cut(facts.name), version: cut(facts.version), protocol: cut(facts.protocol) }
}

function resource(facts: ResourceInput): PolicyInput['resource'] {
  return {
    type: facts.type,
    id: facts.id ?? '',
    name: facts.name,
    groups: authority(facts.groups),
    environment: facts.environment ?? '',
    kind: facts.kind ?? '',
    version: count(facts.version),
    labels: Object.fromEntries(Object.entries(facts.labels ?? {}).map(([name, label]) => [name, label ?? ''])),
    disclosure: facts.disclosure ?? '',
    exists: facts.exists,
    owner: facts.owner ?? '',
    domains: authority(facts.domains),
    probeTargets: authority(facts.probeTargets),
  }
}

function derived(facts: Facts<PolicyInput['derived']>): PolicyInput['derived'] {
  const { url = {}, command = {} } = facts
  return {
    url: {
      scheme: url.scheme ?? '',
      host: url.host ?? '',
      port: count(url.port),
      path: url.path ?? '',
      ipClass: url.ipClass ?? '',
    },
    command: {
      argv0: command.argv0 ?? '',
      argv: [...(command.argv ?? [])],
      hasShellSyntax: command.hasShellSyntax ?? false,
    },
    ttlSeconds: count(facts.ttlSeconds),
    includesPrivateKey: facts.includesPrivateKey ?? false,
    domains: sorted(facts.domains ?? []),
  }
}

function elevation(facts: Facts<PolicyInput['elevation']>): PolicyInput['elevation'] {
  return {
    active: facts.active ?? false,
    id: cut(facts.id),
    scopes: authority(facts.scopes),
    groups: authority(facts.groups),
    expiresUnixMs: count(facts.expiresUnixMs),
  }
}

function approval(facts: NonNullable<InputFacts['approval']>): PolicyInput['approval'] {
  return {
    status: facts.status,
    id: cut(facts.id),
    callDigest: cut(facts.callDigest),
    approvers: (facts.approvers ?? []).slice(0, listMax).map(({ id, role, groups }) => ({
      id: cut(id),
      role: cut(role),
      groups: authority(groups),
    })),
    quorum: count(facts.quorum),
    useBeforeUnixMs: count(facts.useBeforeUnixMs),
  }
}

/** A set of names that permit something: dropping what is over the bound can only permit less. */
function authority(names: readonly string[] = []): string[] {
  const fitting = names.filter((name) => name.length <= inputStringMax && name.isWellFormed())
  return sorted(fitting).slice(0, listMax)
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort()
}

function count(value = 0): number {
  return Number.isNaN(value) ? 0 : Math.min(Math.max(Math.trunc(value), 0), Number.MAX_SAFE_INTEGER)
}

function cut(text = ''): string {
  const wellFormed = text.toWellFormed()
  return wellFormed.length <= inputStringMax
    ? wellFormed
    : wellFormed.slice(0, inputStringMax).replace(/[\ud800-\udbff]$/, '')
}

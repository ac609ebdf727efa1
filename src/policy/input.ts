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
 * Members lie in the order of canonical JSON (RFC 8785), so that writing it out for the log needs no sorting.
 */
export function buildInput(facts: InputFacts): PolicyInput {
  const { call, principal, arguments: args = {}, mode = 'enforce' } = facts
  const unixMs = Math.min(count(call.unixMs), unixMsMax)
  const { weekday, hour, minute } = localTime(unixMs, facts.timeZone)
  return {
    approval: approval(facts.approval ?? { status: 'none' }),
    arguments: args,
    call: {
      action: call.action,
      attempt: count(call.attempt),
      digest: call.digest,
      id: call.id,
      time: { hour, minute, unixMs, weekday },
      tool: call.tool,
    },
    client: client(facts.client ?? {}),
    derived: derived(facts.derived ?? {}),
    elevation: elevation(facts.elevation ?? {}),
    history: { hour: activity(facts.history?.hour ?? {}), minute: activity(facts.history?.minute ?? {}) },
    mode,
    principal: {
      groups: authority(principal.groups),
      id: cut(principal.id),
      kind: principal.kind,
      name: cut(principal.name),
      owner: cut(principal.owner),
      ownerDisabled: principal.ownerDisabled ?? false,
      riskLevel: principal.riskLevel ?? '',
      role: principal.role ?? '',
      scopes: authority(principal.scopes),
      status: principal.status ?? '',
    },
    resource: resource(facts.resource ?? { type: '', name: '', exists: false }),
    schema: 'certlocker.input/v1',
    session: session(facts.session ?? {}),
    token: token(facts.token ?? {}),
  }
}

/** The environment whose rules bind a resource of several groups; `""` for no environment. */
export function strictestEnvironment(of: readonly (Environment | '')[]): Environment | '' {
  return environments.find((environment) => of.includes(environment)) ?? ''
}

function token(facts: Facts<PolicyInput['token']>): PolicyInput['token'] {
  return {
    cidrMatched: facts.cidrMatched ?? false,
    cidrs: authority(facts.cidrs),
    expiresUnixMs: count(facts.expiresUnixMs),
    groups: authority(facts.groups),
    id: cut(facts.id),
    scopes: authority(facts.scopes),
    singleUse: facts.singleUse ?? false,
    spent: facts.spent ?? false,
  }
}

function session(facts: Facts<PolicyInput['session']>): PolicyInput['session'] {
  const { name, verified = false } = facts.launcher ?? {}
  return { ageSeconds: count(facts.ageSeconds), id: cut(facts.id), launcher: { name: cut(name), verified } }
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
  return { ip: cut(facts.ip), name: cut(facts.name), protocol: cut(facts.protocol), version: cut(facts.version) }
}

function resource(facts: ResourceInput): PolicyInput['resource'] {
  return {
    disclosure: facts.disclosure ?? '',
    domains: authority(facts.domains),
    environment: facts.environment ?? '',
    exists: facts.exists,
    groups: authority(facts.groups),
    id: facts.id ?? '',
    kind: facts.kind ?? '',
    labels: Object.fromEntries(Object.entries(facts.labels ?? {}).map(([name, label]) => [name, label ?? ''])),
    name: facts.name,
    owner: facts.owner ?? '',
    probeTargets: authority(facts.probeTargets),
    type: facts.type,
    version: count(facts.version),
  }
}

function derived(facts: Facts<PolicyInput['derived']>): PolicyInput['derived'] {
  const { url = {}, command = {} } = facts
  return {
    command: {
      argv: [...(command.argv ?? [])],
      argv0: command.argv0 ?? '',
      hasShellSyntax: command.hasShellSyntax ?? false,
    },
    domains: sorted(facts.domains ?? []),
    includesPrivateKey: facts.includesPrivateKey ?? false,
    ttlSeconds: count(facts.ttlSeconds),
    url: {
      host: url.host ?? '',
      ipClass: url.ipClass ?? '',
      path: url.path ?? '',
      port: count(url.port),
      scheme: url.scheme ?? '',
    },
  }
}

function elevation(facts: Facts<PolicyInput['elevation']>): PolicyInput['elevation'] {
  return {
    active: facts.active ?? false,
    expiresUnixMs: count(facts.expiresUnixMs),
    groups: authority(facts.groups),
    id: cut(facts.id),
    scopes: authority(facts.scopes),
  }
}

function approval(facts: NonNullable<InputFacts['approval']>): PolicyInput['approval'] {
  return {
    approvers: (facts.approvers ?? []).slice(0, listMax).map(({ id, role, groups }) => ({
      groups: authority(groups),
      id: cut(id),
      role: cut(role),
    })),
    callDigest: cut(facts.callDigest),
    id: cut(facts.id),
    quorum: count(facts.quorum),
    status: facts.status,
    useBeforeUnixMs: count(facts.useBeforeUnixMs),
  }
}

/** A set of names that permit something: dropping what is over the bound can only permit less. */
function authority(names: readonly string[] = []): string[] {
  const fitting = names.filter((name) => name.length <= inputStringMax && name.isWellFormed())
  return sorted(fitting).slice(0, listMax)
}

function sorted(names: readonly string[]): string[] {
  if (names.every((name, index) => index === 0 || name > (names[index - 1] ?? name))) return [...names]
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

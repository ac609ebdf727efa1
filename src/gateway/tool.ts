import type { ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { shortText } from '../kernel/bounded-text.ts'
import type { Json } from '../kernel/canonical-json.ts'
import type { Fault } from '../kernel/fault.ts'
import { ownSchemas } from '../kernel/own-schemas.ts'
import { err, ok, type Result } from '../kernel/result.ts'
import type { Scope } from '../kernel/vocabulary.ts'
import type { Obligation } from '../policy/decision.schema.ts'
import type { InputFacts } from '../policy/input.ts'
import type { AgentCaller } from './caller.ts'
import type { Tell } from './hold.ts'
import type { Identified } from './identify.ts'
import { refusalSchemas } from './outcome.ts'
import type { ResourceName } from './resource-name.ts'

const QUOTED_NAME_CHARACTERS = 64

type JsonObject = { readonly [name: string]: Json }

/** JSON Schema 2020-12 of an object, as far as this code looks into it. */
export type ObjectSchema = {
  readonly type: 'object'
  readonly properties: { readonly [name: string]: object }
  readonly required?: readonly string[]
  readonly additionalProperties?: false
  readonly oneOf?: readonly object[]
}

/**
 * What an author writes: one file per tool. It names its resource and runs its effect; it never decides.
 * `A` and `R` are the types of the two schemas (`FromSchema<typeof …>`).
 */
export interface ToolDefinition<A, R> {
  readonly name: `certlocker_${string}`
  readonly title: string
  readonly description: string
  readonly action: string
  /** Holding any one of these lists the tool. */
  readonly scopes: readonly Scope[]
  readonly readOnly: boolean
  /** A repeated call finds what the first one began, so that an idempotency key counts for it as for a reading tool. */
  readonly attaches?: true
  readonly arguments: ObjectSchema
  /** The `ok` result, without the members every result has (status, requestId, decisionId). */
  readonly result: ObjectSchema
  /** What no schema that every client understands can say. @returns the problem, or undefined */
  problemOf?(args: A): string | undefined
  /** The action where it depends on the arguments. */
  actionOf?(args: A): string
  /** The resource that the arguments name, if they name one. */
  resource?(args: A): ResourceName
  /** What the gateway works out of the arguments for the policy, where there is something. */
  facts?(args: A, resource: Identified): CallFacts
  run(context: RunContext<A>): Promise<Result<R, Fault | PolicyDenial>>
}

/** What the policy is told of a call beyond its arguments. */
export interface CallFacts {
  readonly derived?: InputFacts['derived']
  /** What the call is for approvals and attaching, in place of tool, arguments and resource. */
  readonly identity?: object
}

export interface RunContext<A> {
  readonly caller: AgentCaller
  readonly arguments: A
  readonly resource: Identified
  /** What the policy laid on the call, for a tool that carries some of it out itself. */
  readonly obligations: readonly Obligation[]
  /** The decision that allowed the call; it is on record. */
  readonly decisionId: string
  /** Aborted when the client went away or the gateway stops. */
  readonly signal: AbortSignal
  /** Undefined for a client that does not want to be told while it waits. */
  readonly tell: Tell | undefined
}

/** What the policy said to a question that a tool put to it on the agent's behalf. */
export interface PolicyDenial {
  readonly kind: 'policy_denial'
  readonly code: string
  readonly message: string
}

/** A tool as the guard and the transport see it, whatever its types. */
export interface Tool {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly action: string
  readonly scopes: readonly Scope[]
  readonly readOnly: boolean
  readonly isRepeatable: boolean
  readonly inputSchema: ObjectSchema
  /** Members that hold free text of the agent: never authority, blanked of released values. */
  readonly agentTextMembers: readonly string[]
  /** A union over every status, since some clients validate refusals too. */
  readonly outputSchema: ObjectSchema
  /** Checks raw arguments. The problem names place and remedy and quotes no value. */
  prepare(raw: unknown): Result<PreparedCall, string>
}

/** Arguments that fit the schema, bound to the effect they ask for. Only the guard calls `run`. */
export interface PreparedCall {
  readonly arguments: object
  /** What is decided; the tool's own action unless the arguments ask for more. */
  readonly action: string
  readonly resource: ResourceName | undefined
  facts(resource: Identified): CallFacts
  run(context: Omit<RunContext<never>, 'arguments'>): Promise<Result<JsonObject, Fault | PolicyDenial>>
  facts(resource: Identified): CallFacts
}

const ajv = new Ajv2020({ ...ownSchemas, allErrors: false, allowUnionTypes: true })
addFormats.default(ajv)
ajv.addKeyword({ keyword: 'x-sensitive', schemaType: 'boolean' })
ajv.addKeyword({ keyword: 'x-agent-text', schemaType: 'boolean' })

/** Turns a definition into a tool. */
export function defineTool<A extends object, R extends JsonObject>(definition: ToolDefinition<A, R>): Tool {
  const validate = ajv.compile<A>(definition.arguments)
  return {
    name: definition.name,
    title: definition.title,
    description: definition.description,
    action: definition.action,
    scopes: definition.scopes,
    readOnly: definition.readOnly,
    isRepeatable: definition.readOnly || definition.attaches === true,
    inputSchema: definition.arguments,
    agentTextMembers: Object.entries(definition.arguments.properties)
      .filter(isAgentText)
      .map(([name]) => name),
    outputSchema: outputSchema(definition.result),
    prepare(raw) {
      if (!validate(raw)) return err(problemOf(validate))
      const problem = definition.problemOf?.(raw)
      if (problem !== undefined) return err(problem)
      return ok({
        arguments: { ...raw },
        action: definition.actionOf?.(raw) ?? definition.action,
        resource: definition.resource?.(raw),
        facts: (resource) => definition.facts?.(raw, resource) ?? {},
        run: (context) => definition.run({ ...context, arguments: raw }),
      })
    },
  }
}

function isAgentText([, schema]: [string, unknown]): boolean {
  return typeof schema === 'object' && schema !== null && 'x-agent-text' in schema
}

function outputSchema(result: ObjectSchema): ObjectSchema {
  const properties = {
    status: { const: 'ok' },
    requestId: { type: 'string' },
    decisionId: { type: 'string' },
    ...result.properties,
  }
  const required = ['status', 'requestId', 'decisionId', ...(result.required ?? [])]
  return {
    type: 'object',
    properties: { status: { type: 'string' } },
    required: ['status'],
    oneOf: [{ properties, required, additionalProperties: false }, ...refusalSchemas],
  }
}

function problemOf(validate: ValidateFunction): string {
  const [error] = validate.errors ?? []
  const place = error?.instancePath === '' || error === undefined ? 'arguments' : `arguments${error.instancePath}`
  const unknown: unknown = error?.params['additionalProperty']
  if (typeof unknown === 'string') {
    return `${place} has an unknown member "${shortText(unknown, QUOTED_NAME_CHARACTERS)}"; remove it`
  }
  return `${place} ${error?.message ?? 'do not fit the schema'}`
}

import { Readable } from 'node:stream'
import type { Author } from '../../domain/audit/author.ts'
import type { OperatorCaller } from '../../gateway/caller.ts'
import type { Refusal } from '../../gateway/operation.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import type { FaultCode } from '../../kernel/faults.ts'
import { err, type Result } from '../../kernel/result.ts'
import { maskSensitive } from '../../policy/call-digest.ts'
import type { InputFacts, ResourceInput } from '../../policy/input.ts'
import type { RestDeps } from './rest-deps.ts'
import { bodyShape, type ObjectSchema, type Problem, queryShape, type Shape } from './validate.ts'

/** A JSON object, or, where the route says another content type, a text; or a download. */
export type Answer = object | string

/** A stream, and what it is where the route may answer in several types. */
export class Download {
  readonly stream: Readable
  readonly contentType: ContentType

  /** @param texts to be sent one after another, each when there is room for it */
  constructor(texts: AsyncIterable<string>, contentType: ContentType) {
    this.stream = Readable.from(texts, { objectMode: false })
    this.contentType = contentType
  }
}

export type ContentType =
  | 'application/json'
  | 'application/x-ndjson'
  | 'application/x-pem-file'
  | 'text/csv; charset=utf-8'

/** What a route says about itself: to the router, to OpenAPI and to whoever reviews who may do what. */
export interface RouteFacts {
  /** Unique; the operation's id in OpenAPI. */
  readonly id: string
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Under `/api/v1`, with at most one parameter, for example `/agents/:id/suspend`. */
  readonly path: `/${string}`
  /** The action that the policy decides. */
  readonly action: string
  readonly summary: string
  readonly status: 200 | 201
  readonly contentType: ContentType
  /** What else a `Download` may be, as the query asks, each with an example. */
  readonly otherContents: readonly { readonly type: ContentType; readonly example: string }[]
  /** An admin gets through although the policy is away or says otherwise: to look and to stop, never to change. */
  readonly breakGlass: boolean
  readonly query: ObjectSchema
  readonly body: ObjectSchema | undefined
  readonly response: object
  /** Refusals beyond those that every route may give. */
  readonly errors: readonly FaultCode[]
  /** Members of the answer that are never given again, not even to the same request repeated under its key. */
  readonly onceShown: readonly string[]
}

/** What an author writes: the resource that the policy decides about, and what happens once it allowed it. */
export interface RouteDefinition<Q, B, S>
  extends Pick<RouteFacts, 'id' | 'method' | 'path' | 'action' | 'summary' | 'response'> {
  readonly status?: 201
  readonly contentType?: RouteFacts['contentType']
  readonly otherContents?: RouteFacts['otherContents']
  /** Reading is always a way out for the owners; of the others, those that say so. */
  readonly breakGlass?: true
  readonly query?: Shape<Q>
  readonly body?: Shape<B>
  readonly errors?: readonly FaultCode[]
  readonly onceShown?: RouteFacts['onceShown']
  /**
   * The resource as the policy sees it: the present one, or for a creation the one that would come to be. A list that
   * is not about one resource has none.
   * @returns `missing(…)` when what the path names does not exist: 404, once the policy let the caller ask
   */
  find?(deps: RestDeps, request: RestRequest<Q, B>): Promise<Result<Found<S>, Missing>>
  handle(deps: RestDeps, by: Author, request: RestRequest<Q, B>, subject: S): Promise<Result<Answer, Fault>>
}

export interface RestRequest<Q, B> {
  readonly caller: OperatorCaller
  /** The path's parameter: an id or the unique name. */
  readonly id: string
  readonly query: Q
  readonly body: B
}

export interface Found<S> {
  readonly resource: ResourceInput
  readonly subject: S
  /** What the policy could not work out of the request by itself. */
  readonly derived?: InputFacts['derived']
}

export type Missing = ResourceInput & { readonly exists: false }

export function missing(type: string, name: string): Result<never, Missing> {
  return err({ type, name, exists: false })
}

/** A request as it was sent: nothing about it is believed. */
export interface SentRequest {
  readonly id: string
  readonly query: unknown
  /** Undefined when there was none. */
  readonly body: unknown
}

export type RouteRefusal = Refusal | { readonly kind: 'invalid'; readonly problems: readonly Problem[] }

export interface Route extends RouteFacts {
  /** Validates, finds the resource, and asks the guard; only the guard runs the effect. */
  answer(deps: RestDeps, caller: OperatorCaller, sent: SentRequest): Promise<Result<Answer, RouteRefusal>>
}

/** What the compiler knows of a body or query before a route says more. */
type Members = { readonly [name: string]: unknown }
type NoMembers = { readonly [name: string]: never }
const noMembers: ObjectSchema = { type: 'object', additionalProperties: false, properties: {} }

/** Turns a definition into a route. */
export function defineRoute<Q extends Members = NoMembers, B extends Members = NoMembers, S = undefined>(
  definition: RouteDefinition<Q, B, S>,
): Route {
  const { id, method, path, action, summary, response } = definition
  const { query = queryShape<Q>(noMembers), body = bodyShape<B>(noMembers) } = definition
  // Where a definition finds nothing, its handler is typed to expect nothing.
  const effect: Pick<RouteDefinition<Q, B, S | undefined>, 'handle'> = definition
  const breakGlass = definition.breakGlass ?? method === 'GET'
  return {
    id,
    method,
    path,
    action,
    summary,
    response,
    status: definition.status ?? 200,
    contentType: definition.contentType ?? 'application/json',
    otherContents: definition.otherContents ?? [],
    breakGlass,
    query: query.schema,
    body: definition.body?.schema,
    errors: definition.errors ?? [],
    onceShown: definition.onceShown ?? [],
    async answer(deps, caller, sent) {
      const checkedQuery = query.check(sent.query)
      const checkedBody = body.check(sent.body ?? {})
      if (!checkedQuery.ok || !checkedBody.ok) {
        const problems = [checkedQuery, checkedBody].flatMap((checked) => (checked.ok ? [] : checked.error))
        return err({ kind: 'invalid', problems })
      }
      const request = { caller, id: sent.id, query: checkedQuery.value, body: checkedBody.value }
      const found = await definition.find?.(deps, request)
      return deps.act<Answer>(caller, {
        action,
        ...(found === undefined ? {} : { resource: found.ok ? found.value.resource : found.error }),
        ...(found?.ok === true && found.value.derived !== undefined ? { derived: found.value.derived } : {}),
        arguments: { ...request.query, ...maskSensitive(request.body, body.schema, deps.hmacKey) },
        breakGlass,
        run: async (by) => {
          if (found?.ok === false)
            return err(fault('NOT_FOUND', { message: `No ${found.error.type} ${found.error.name}` }))
          return effect.handle(deps, by, request, found?.value.subject)
        },
      })
    },
  }
}

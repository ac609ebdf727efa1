import type { Json } from './api.ts'
import type { BodySchema, FlagNames } from './body-options.ts'

/** One command: the REST call that it makes, and how its answer is shown to people. */
export interface Verb {
  readonly name: string
  readonly about: string
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Under `/api/v1`; with `:id` the command takes an argument. */
  readonly path: string
  readonly body?: BodySchema
  /** Where a flag has another name than its property. */
  readonly flags?: FlagNames
  /** Query parameters; a verb that has them is a list. */
  readonly filters?: readonly string[]
  /** Columns of a list; the noun's own when absent. */
  readonly columns?: readonly string[]
  /** What a list shows people of an item; the item itself when absent. */
  readonly row?: (item: Json) => Json
  /** Shows an answer that needs more than its members. */
  readonly print?: (answer: Json) => string
}

export interface Noun {
  readonly name: string
  readonly about: string
  /** What people see of a list. */
  readonly columns: readonly string[]
  readonly verbs: readonly Verb[]
}

/** What most nouns have. */
export function list(path: string, filters: readonly string[] = []): Verb {
  return { name: 'list', about: 'List them, newest first', method: 'GET', path, filters }
}

export function create(path: string, body: BodySchema): Verb {
  return { name: 'create', about: 'Create one', method: 'POST', path, body }
}

export function show(path: string): Verb {
  return { name: 'show', about: 'Show one', method: 'GET', path: `${path}/:id` }
}

export function update(path: string, body: BodySchema): Verb {
  return { name: 'update', about: 'Change one', method: 'PATCH', path: `${path}/:id`, body }
}

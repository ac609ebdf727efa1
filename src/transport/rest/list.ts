import { type Page, pageLimitDefault, pageLimitMax } from '../../domain/page.ts'
import type { Stores } from '../../domain/stores.ts'
import type { OperatorCaller } from '../../gateway/caller.ts'
import type { ObjectSchema } from './validate.ts'

/** An id or a unique name in a filter or a body. */
export const reference = { type: 'string', minLength: 1, maxLength: 254, pattern: '^[^\\p{Cc}]+$' } as const

export const agentFilter = { ...reference, description: 'Id or name of an agent', examples: ['cursor-ops'] } as const
export const groupFilter = {
  ...reference,
  description: 'Id or name of a group: what belongs to it',
  examples: ['edge'],
} as const

/** The query parameters of every list. */
export const pageParameters = {
  limit: {
    type: 'integer',
    minimum: 1,
    maximum: pageLimitMax,
    default: pageLimitDefault,
    description: 'How many items at most',
    examples: [50],
  },
  order: {
    enum: ['asc', 'desc'],
    default: 'desc',
    description: 'By creation: newest first unless `asc`',
    examples: ['desc'],
  },
  cursor: {
    type: 'string',
    minLength: 1,
    maxLength: 256,
    description: 'The `nextCursor` of the page before',
    examples: ['WyIyMDI2LTAzLTAxVDA5OjMwOjAwLjAwMFoiXQ'],
  },
} as const

/** What `pageParameters` let through: defaults are filled in. */
export type PageQuery = Pick<Page, 'limit' | 'order'> & { readonly cursor?: string }

export function pageOf({ limit, order, cursor }: PageQuery): Page {
  return { limit, order, ...(cursor === undefined ? {} : { cursor }) }
}

/** The query schema of a list with these filters. */
export function listQuery(filters: ObjectSchema['properties'] = {}): ObjectSchema {
  return { type: 'object', additionalProperties: false, properties: { ...filters, ...pageParameters } }
}

/** The answer of a list: `{items, nextCursor}`. */
export function listOf(item: object): ObjectSchema {
  return {
    type: 'object',
    required: ['items', 'nextCursor'],
    properties: {
      items: { type: 'array', items: item, description: 'One page' },
      nextCursor: {
        type: ['string', 'null'],
        description: 'Where the next page begins; null on the last one',
        examples: [null],
      },
    },
  }
}

/**
 * Lists are decided by role alone, so what they show is narrowed here to the groups of whoever asks. Admins have every
 * group, and auditors read across groups.
 * @returns undefined for no limit
 */
export function visibleGroups({ role, groups }: OperatorCaller): readonly string[] | undefined {
  return groups === 'every' || role === 'auditor' ? undefined : groups
}

/** The groups that a list is limited to, when a filter may ask for one. @param asked id or name */
export async function groupsToList(
  { groups: store }: Pick<Stores, 'groups'>,
  caller: OperatorCaller,
  asked: string | undefined,
): Promise<{ readonly groups?: readonly string[] }> {
  const visible = visibleGroups(caller)
  if (asked === undefined) return visible === undefined ? {} : { groups: visible }
  const group = await store.find(asked)
  return { groups: group !== undefined && (visible === undefined || visible.includes(group.name)) ? [group.name] : [] }
}

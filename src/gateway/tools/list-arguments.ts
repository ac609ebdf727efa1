import { listLimitMax } from '../listing.ts'

export const queryArgument = { type: 'string', maxLength: 128, description: 'Part of the name' } as const
export const cursorArgument = { type: 'string', maxLength: 512, description: 'nextCursor of the page before' } as const
export const limitArgument = {
  type: 'integer',
  minimum: 1,
  maximum: listLimitMax,
  description: 'Items per page; 50 when absent',
} as const

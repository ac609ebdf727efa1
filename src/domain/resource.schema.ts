/** Properties that every registered resource shows in the same way. */
export const createdProperties = {
  createdAt: {
    type: 'string',
    format: 'date-time',
    description: 'When it was created',
    examples: ['2026-03-01T09:30:00.000Z'],
  },
  createdBy: {
    type: 'string',
    maxLength: 128,
    description: 'Id of who created it',
    examples: ['per_7h2kq9x0m4c8d1e5f6g3abt2n'],
  },
} as const

/** Names or ids of groups in a request. */
export const groupReferences = {
  type: 'array',
  items: { type: 'string', minLength: 1, maxLength: 64 },
  uniqueItems: true,
  maxItems: 200,
  description: 'Names or ids of groups, none beyond those of whoever asks',
  examples: [['edge']],
} as const

/** Names of groups in an answer. */
export const groupNames = {
  type: 'array',
  items: { type: 'string' },
  description: 'Names of groups, sorted',
  examples: [['edge', 'staging']],
} as const

/** Text on one line, without control characters. */
export const oneLine = { type: 'string', minLength: 1, maxLength: 128, pattern: '^[^\\p{Cc}\\p{Zl}\\p{Zp}]+$' } as const

/** Text of several lines; may be empty. */
export const paragraph = { type: 'string', maxLength: 1024, pattern: '^[^\\u0000]*$' } as const

/** How long a bearer may live at most: one year. */
export const bearerTtlSecondsMax = 31_536_000

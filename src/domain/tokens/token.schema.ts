import type { FromSchema } from 'json-schema-to-ts'
import { scopes } from '../../kernel/vocabulary.ts'
import { bearerTtlSecondsMax, createdProperties, groupNames, groupReferences, oneLine } from '../resource.schema.ts'
import { tokenStatuses } from './token.ts'

const name = { ...oneLine, description: 'What or where the token is for', examples: ['ada-laptop'] } as const
const scopeList = {
  type: 'array',
  items: { enum: scopes },
  uniqueItems: true,
  maxItems: scopes.length,
  description: "Limits the token to these of the agent's scopes; left out: all of them",
  examples: [['secret:read']],
} as const
const cidrs = {
  type: 'array',
  items: { type: 'string', minLength: 3, maxLength: 49 },
  uniqueItems: true,
  maxItems: 100,
  description: 'Networks the token may be used from (IPv4 and IPv6); left out or empty: from everywhere',
  examples: [['10.0.0.0/24', '2001:db8::/32']],
} as const
const expiresAt = {
  type: 'string',
  format: 'date-time',
  maxLength: 40,
  description: 'When the token ends by itself, at most one year ahead',
  examples: ['2026-06-01T09:30:00.000Z'],
} as const

const singleUse = {
  type: 'boolean',
  description:
    'The first allowed call of a tool that hands something out binds the token to that call; lists and notes stay free',
  examples: [false],
} as const
const seconds = { type: 'integer', minimum: 1, maximum: bearerTtlSecondsMax } as const
const autoRotate = {
  type: 'object',
  additionalProperties: false,
  required: ['everySeconds', 'overlapSeconds'],
  properties: {
    everySeconds: {
      ...seconds,
      description: 'After so long the bearer has to fetch its next value from POST /rest/token/rotate',
      examples: [3600],
    },
    overlapSeconds: {
      ...seconds,
      description: 'How late it may do so, and how long the old value lives beside the new one',
      examples: [60],
    },
  },
  description: 'The value is replaced again and again until the token ends. Not together with singleUse',
  examples: [{ everySeconds: 3600, overlapSeconds: 60 }],
} as const

/** Either `ttlSeconds` or `expiresAt` is given. */
export const createTokenSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['agentId', 'name', 'groups'],
  oneOf: [
    { required: ['ttlSeconds'], properties: { ttlSeconds: true } },
    { required: ['expiresAt'], properties: { expiresAt: true } },
  ],
  properties: {
    agentId: {
      type: 'string',
      minLength: 1,
      maxLength: 64,
      description: 'Id or name of the agent it speaks for',
      examples: ['cursor-ops'],
    },
    name,
    groups: { ...groupReferences, description: "Names or ids of groups, within the agent's and the creator's" },
    scopes: scopeList,
    ttlSeconds: {
      type: 'integer',
      minimum: 1,
      maximum: bearerTtlSecondsMax,
      description: 'How long the token is good for, at most one year',
      examples: [28_800],
    },
    expiresAt,
    cidrs,
    singleUse,
    autoRotate,
  },
} as const
/** Without the `oneOf`, whose generated type would forbid reading the alternative that is absent. */
export type CreateToken = FromSchema<Omit<typeof createTokenSchema, 'oneOf'>>

export const tokenSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'id',
    'agentId',
    'agent',
    'name',
    'prefix',
    'status',
    'scopes',
    'groups',
    'cidrs',
    'expiresAt',
    'usableUntil',
    'singleUse',
    'spentAt',
    'autoRotate',
    'rotateAfter',
    'rotatedAt',
    'chainId',
    'lastUsedAt',
    'lastUsedIp',
    'createdAt',
    'createdBy',
  ],
  properties: {
    id: { type: 'string', description: 'Id of the token', examples: ['tok_7h2kq9x0m4c8d1e5f6g3abt2n'] },
    agentId: {
      type: 'string',
      description: 'Id of the agent it speaks for',
      examples: ['agt_7h2kq9x0m4c8d1e5f6g3abt2n'],
    },
    agent: { type: 'string', description: 'Name of the agent it speaks for', examples: ['cursor-ops'] },
    name,
    prefix: { type: 'string', description: 'How the value begins, to tell tokens apart', examples: ['clk_mcp_4fG9'] },
    status: {
      enum: tokenStatuses,
      description:
        'Whether it still opens anything: rotated, until the overlap is over; spent, what costs nothing; expired and revoked, nothing',
      examples: ['active'],
    },
    scopes: {
      ...scopeList,
      type: ['array', 'null'],
      description: "Limits among the agent's scopes; null: all of them",
    },
    groups: groupNames,
    cidrs,
    expiresAt,
    usableUntil: {
      type: 'string',
      format: 'date-time',
      description: 'When this value ends by itself; before expiresAt when it has to be rotated or was',
      examples: ['2026-03-01T10:31:00.000Z'],
    },
    singleUse,
    spentAt: {
      type: ['string', 'null'],
      format: 'date-time',
      description: 'When a token for single use was bound to its call',
      examples: ['2026-03-01T09:30:00.000Z'],
    },
    autoRotate: {
      ...autoRotate,
      type: ['object', 'null'],
      description: 'How often the value is replaced; null: never',
    },
    rotateAfter: {
      type: ['string', 'null'],
      format: 'date-time',
      description: 'From when the bearer may fetch its next value; null when it does not rotate or has a successor',
      examples: ['2026-03-01T10:30:00.000Z'],
    },
    rotatedAt: {
      type: ['string', 'null'],
      format: 'date-time',
      description: 'Since when it has a successor',
      examples: ['2026-03-01T10:30:00.000Z'],
    },
    chainId: {
      type: 'string',
      description: 'Id of the first of the tokens that came from each other by rotation; sessions bear it',
      examples: ['tok_7h2kq9x0m4c8d1e5f6g3abt2n'],
    },
    lastUsedAt: {
      type: ['string', 'null'],
      format: 'date-time',
      description: 'When it was last used, to within some seconds',
      examples: ['2026-03-01T09:30:00.000Z'],
    },
    lastUsedIp: { type: ['string', 'null'], description: 'From where it was last used', examples: ['10.0.0.7'] },
    ...createdProperties,
  },
} as const

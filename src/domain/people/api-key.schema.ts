import type { FromSchema } from 'json-schema-to-ts'
import { bearerTtlSecondsMax, createdProperties, oneLine } from '../resource.schema.ts'
import { apiKeyStatuses } from './api-key.ts'

const person = {
  type: 'string',
  minLength: 1,
  maxLength: 254,
  description: 'Id or e-mail of the person whose key it is',
  examples: ['ada@example.com'],
} as const
const name = { ...oneLine, description: 'What the key is for', examples: ['terraform'] } as const

export const createApiKeySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['person', 'name', 'ttlSeconds'],
  properties: {
    person,
    name,
    ttlSeconds: {
      type: 'integer',
      minimum: 1,
      maximum: bearerTtlSecondsMax,
      description: 'How long the key is good for, at most one year',
      examples: [7_776_000],
    },
  },
} as const
export type CreateApiKey = FromSchema<typeof createApiKeySchema>

export const apiKeySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'person', 'name', 'prefix', 'status', 'expiresAt', 'createdAt', 'createdBy'],
  properties: {
    id: { type: 'string', description: 'Id of the key', examples: ['key_7h2kq9x0m4c8d1e5f6g3abt2n'] },
    person: { ...person, description: 'E-mail of the person whose key it is' },
    name,
    prefix: { type: 'string', description: 'How the value begins, to tell keys apart', examples: ['clk_api_4fG9'] },
    status: { enum: apiKeyStatuses, description: 'Whether it still opens anything', examples: ['active'] },
    expiresAt: {
      type: 'string',
      format: 'date-time',
      description: 'When it ends by itself',
      examples: ['2026-06-01T09:30:00.000Z'],
    },
    ...createdProperties,
  },
} as const

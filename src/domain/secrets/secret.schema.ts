import type { FromSchema } from 'json-schema-to-ts'
import { environments } from '../../kernel/vocabulary.ts'
import { createdProperties, groupNames, groupReferences, oneLine, paragraph } from '../resource.schema.ts'

/** `shared`: for agents of its groups. `private`: for its owner's agents only. */
export const secretKinds = ['shared', 'private'] as const

/** `raw`: its value may be read. `use_only`: it may be used, never read. */
export const disclosures = ['raw', 'use_only'] as const

/** The longest value, in bytes of UTF-8. */
export const secretValueBytesMax = 65_536

const name = {
  type: 'string',
  pattern: '^[a-z0-9][a-z0-9._-]{0,127}$',
  description: 'Unique name, by which agents ask for it; it never changes',
  examples: ['prod-db-password'],
} as const
const kind = {
  enum: secretKinds,
  description: "For agents of its groups, or for its owner's agents only; left out: shared",
} as const
const owner = {
  type: 'string',
  minLength: 1,
  maxLength: 320,
  description: 'Id or e-mail of the person whose agents may ask for a private secret',
  examples: ['ada@example.com'],
} as const
const type = { ...oneLine, maxLength: 64, description: 'What it is; left out: opaque', examples: ['password'] } as const
const description = {
  ...paragraph,
  description: 'What it opens',
  examples: ['Main database, application user'],
} as const
const disclosure = {
  enum: disclosures,
  description: 'Whether its value may be read, or only used; left out: raw',
} as const
const version = {
  type: 'integer',
  minimum: 0,
  maximum: 2_147_483_647,
  description: 'A version, counted from 0',
  examples: [0],
} as const
const value = {
  type: 'string',
  minLength: 1,
  maxLength: secretValueBytesMax,
  description: `The value: at most ${secretValueBytesMax} bytes of UTF-8. It is stored sealed and never shown by a list`,
  'x-sensitive': true,
} as const

const source = {
  type: 'object',
  additionalProperties: false,
  required: ['path', 'field'],
  properties: {
    path: {
      type: 'string',
      minLength: 1,
      maxLength: 1024,
      description: 'The entry, within vault.mounts.kv',
      examples: ['teams/edge/database'],
    },
    field: {
      type: 'string',
      pattern: '^[A-Za-z0-9._-]+$',
      maxLength: 128,
      description: 'Its member that holds the value',
      examples: ['password'],
    },
  },
} as const
export type SourceReference = FromSchema<typeof source>

/** Either `value` or `source`. */
export const createSecretSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name,
    groups: groupReferences,
    kind,
    owner,
    type,
    description,
    value,
    source: {
      ...source,
      description:
        'In place of a value: an entry of Vault that exists, to be read as it is now. For an admin, and under a vaultPrefix of one of its groups',
    },
    disclosure,
  },
} as const
export type CreateSecret = FromSchema<typeof createSecretSchema>

export const updateSecretSchema = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  properties: { groups: groupReferences, description, type, disclosure },
} as const
export type UpdateSecret = FromSchema<typeof updateSecretSchema>

export const addSecretVersionSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['value'],
  properties: { value },
} as const

export const restoreSecretSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['version'],
  properties: { version },
} as const

export const revealSecretSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { version: { ...version, description: 'The version to reveal; left out: the current one' } },
} as const

export const secretSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'id',
    'name',
    'kind',
    'owner',
    'type',
    'description',
    'disclosure',
    'groups',
    'environment',
    'version',
    'createdAt',
    'createdBy',
  ],
  properties: {
    id: { type: 'string', description: 'Id of the secret', examples: ['sec_7h2kq9x0m4c8d1e5f6g3abt2n'] },
    name,
    kind,
    owner: { type: ['string', 'null'], description: 'E-mail of the person it belongs to; null when it is shared' },
    type,
    description,
    disclosure,
    groups: groupNames,
    environment: { enum: [...environments, ''], description: 'The strictest of its groups' },
    version,
    ...createdProperties,
  },
} as const

export const secretVersionSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['version', 'restoredFrom', 'source', 'createdAt', 'createdBy'],
  properties: {
    version,
    restoredFrom: { type: ['integer', 'null'], description: 'The older version whose content it repeats' },
    source: { ...source, type: ['object', 'null'], description: 'The entry of Vault that it was taken over from' },
    ...createdProperties,
  },
} as const

/** Not the strict pattern of names: an agent that asks for a look-alike is denied, and that is on record. */
export const getSecretArguments = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: { ...oneLine, maxLength: 256, description: 'Name of the secret', examples: ['prod-db-password'] },
    version: { ...version, description: 'A particular version; left out: the current one' },
  },
} as const
export type GetSecretArguments = FromSchema<typeof getSecretArguments>

export const getSecretResult = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'groups', 'version', 'type', 'value'],
  properties: {
    name: { type: 'string' },
    groups: groupNames,
    version,
    type: { type: 'string' },
    value: { type: 'string' },
  },
} as const
export type GetSecretResult = FromSchema<typeof getSecretResult>

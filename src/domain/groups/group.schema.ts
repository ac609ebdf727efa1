import type { FromSchema } from 'json-schema-to-ts'
import { environments } from '../../kernel/vocabulary.ts'
import { createdProperties, paragraph } from '../resource.schema.ts'

const name = {
  type: 'string',
  pattern: '^[a-z][a-z0-9-]{0,62}$',
  description: 'Unique slug of the group; it never changes',
  examples: ['edge'],
} as const
const environment = {
  enum: environments,
  description: 'What its resources are used for; policy is strictest in production',
  examples: ['production'],
} as const
const description = {
  ...paragraph,
  description: 'What belongs in the group',
  examples: ['Edge proxies and their certificates'],
} as const
const domains = {
  type: 'array',
  items: { type: 'string', minLength: 1, maxLength: 253, pattern: '^(\\*\\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?$' },
  uniqueItems: true,
  maxItems: 200,
  description: 'Names that certificates of the group may have; `*.` stands for one label',
  examples: [['edge.example.com', '*.edge.example.com']],
} as const
const probeTargets = {
  type: 'array',
  items: { type: 'string', minLength: 1, maxLength: 320, pattern: '^[A-Za-z0-9.*:\\[\\]_-]+$' },
  uniqueItems: true,
  maxItems: 200,
  description: 'Endpoints that agents of the group may probe: host:port, or a pattern of it',
  examples: [['edge.example.com:443']],
} as const
const vaultPrefixes = {
  type: 'array',
  items: { type: 'string', maxLength: 512, pattern: '^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*/?$' },
  uniqueItems: true,
  maxItems: 200,
  description:
    'Paths within vault.mounts.kv under which an admin may take over existing entries for the group; whole segments count',
  examples: [['teams/edge/']],
} as const

export const createGroupSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'environment'],
  properties: { name, environment, description, domains, probeTargets, vaultPrefixes },
} as const
export type CreateGroup = FromSchema<typeof createGroupSchema>

export const updateGroupSchema = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  properties: { environment, description, domains, probeTargets, vaultPrefixes },
} as const
export type UpdateGroup = FromSchema<typeof updateGroupSchema>

export const groupSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'id',
    'name',
    'environment',
    'description',
    'domains',
    'probeTargets',
    'vaultPrefixes',
    'createdAt',
    'createdBy',
  ],
  properties: {
    id: { type: 'string', description: 'Id of the group', examples: ['grp_7h2kq9x0m4c8d1e5f6g3abt2n'] },
    name,
    environment,
    description,
    domains,
    probeTargets,
    vaultPrefixes,
    ...createdProperties,
  },
} as const

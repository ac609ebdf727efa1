import type { FromSchema } from 'json-schema-to-ts'
import { agentStatuses, riskLevels, scopes } from '../../kernel/vocabulary.ts'
import { createdProperties, groupNames, groupReferences, paragraph } from '../resource.schema.ts'

const name = {
  type: 'string',
  pattern: '^[a-z][a-z0-9-]{0,62}$',
  description: 'Unique slug of the agent; it never changes',
  examples: ['cursor-ops'],
} as const
const description = {
  ...paragraph,
  description: 'What the agent is for',
  examples: ['Fixes edge proxies from Cursor'],
} as const
const owner = {
  type: 'string',
  minLength: 1,
  maxLength: 254,
  description: 'Id or e-mail of the person who answers for it',
  examples: ['ada@example.com'],
} as const
const riskLevel = { enum: riskLevels, description: 'Decides which calls need approval', examples: ['medium'] } as const
const scopeList = {
  type: 'array',
  items: { enum: scopes },
  uniqueItems: true,
  maxItems: scopes.length,
  description: 'Kinds of action the agent may ask for',
  examples: [['secret:read', 'host:read']],
} as const
const groups = {
  ...groupReferences,
  description: "Names or ids of groups, within the owner's and the creator's",
} as const

export const createAgentSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'owner', 'riskLevel', 'scopes', 'groups'],
  properties: { name, description, owner, riskLevel, scopes: scopeList, groups },
} as const
export type CreateAgent = FromSchema<typeof createAgentSchema>

export const updateAgentSchema = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  properties: { description, owner, riskLevel, scopes: scopeList, groups },
} as const
export type UpdateAgent = FromSchema<typeof updateAgentSchema>

/** The body of suspend, resume and revoke. */
export const reasonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['reason'],
  properties: {
    reason: {
      ...paragraph,
      minLength: 1,
      description: 'Why; kept in the audit log',
      examples: ['Laptop lost'],
    },
  },
} as const

export const agentSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'name', 'description', 'owner', 'riskLevel', 'scopes', 'groups', 'status', 'createdAt', 'createdBy'],
  properties: {
    id: { type: 'string', description: 'Id of the agent', examples: ['agt_7h2kq9x0m4c8d1e5f6g3abt2n'] },
    name,
    description,
    owner: { ...owner, description: 'E-mail of the person who answers for it' },
    riskLevel,
    scopes: scopeList,
    groups: groupNames,
    status: { enum: agentStatuses, description: 'Revoked is for good', examples: ['active'] },
    ...createdProperties,
  },
} as const

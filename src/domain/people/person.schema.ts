import type { FromSchema } from 'json-schema-to-ts'
import { roles } from '../../kernel/vocabulary.ts'
import { createdProperties, groupNames, groupReferences, oneLine } from '../resource.schema.ts'

const email = {
  type: 'string',
  maxLength: 254,
  pattern: '^[^\\s@\\p{Cc}]+@[^\\s@\\p{Cc}]+$',
  description: 'E-mail, unique whatever its case; kept in lower case',
  examples: ['ada@example.com'],
} as const
const name = { ...oneLine, description: 'How the person is called', examples: ['Ada Lovelace'] } as const
const role = {
  enum: roles,
  description: 'What kind of work the person does; an admin has every group',
  examples: ['operator'],
} as const
const disabled = {
  type: 'boolean',
  description: 'True shuts the person out and suspends the agents they own; false lets them in again',
  examples: [true],
} as const

export const createPersonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['email', 'name', 'role', 'groups'],
  properties: { email, name, role, groups: groupReferences },
} as const
export type CreatePerson = FromSchema<typeof createPersonSchema>

export const updatePersonSchema = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  properties: { name, role, groups: groupReferences, disabled },
} as const
export type UpdatePerson = FromSchema<typeof updatePersonSchema>

export const personSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'email', 'name', 'role', 'groups', 'disabled', 'createdAt', 'createdBy'],
  properties: {
    id: { type: 'string', description: 'Id of the person', examples: ['per_7h2kq9x0m4c8d1e5f6g3abt2n'] },
    email,
    name,
    role,
    groups: groupNames,
    disabled: { type: 'boolean', description: 'True when the person is shut out', examples: [false] },
    ...createdProperties,
  },
} as const

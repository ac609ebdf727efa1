import type { FromSchema } from 'json-schema-to-ts'
import { environments } from '../../kernel/vocabulary.ts'
import { createdProperties, groupNames, groupReferences } from '../resource.schema.ts'

export const hostModes = ['exec', 'shell'] as const
export type HostMode = (typeof hostModes)[number]

const name = {
  type: 'string',
  pattern: '^[a-z0-9][a-z0-9.-]{0,127}$',
  description: 'Unique name under which agents ask for the host; it never changes',
  examples: ['edge-proxy-1'],
} as const
const address = {
  type: 'string',
  minLength: 1,
  maxLength: 253,
  anyOf: [{ format: 'hostname' }, { format: 'ipv4' }, { format: 'ipv6' }],
  description: 'DNS name or IP address that the bastion connects to; agents never see it',
  examples: ['10.0.0.7'],
} as const
const port = {
  type: 'integer',
  minimum: 1,
  maximum: 65_535,
  description: 'Port of the SSH server; 22 unless given',
  examples: [22],
} as const
const groups = { ...groupReferences, minItems: 1 } as const
const principals = {
  type: 'array',
  items: { type: 'string', pattern: '^[a-z_][a-z0-9_-]{0,31}$' },
  minItems: 1,
  uniqueItems: true,
  maxItems: 50,
  description: 'Accounts on the host that a session may log in to',
  examples: [['deploy']],
} as const
const modes = {
  type: 'array',
  items: { enum: hostModes },
  minItems: 1,
  uniqueItems: true,
  maxItems: hostModes.length,
  description: 'exec: single commands; shell: an interactive shell',
  examples: [['exec']],
} as const
const hostKeys = {
  type: 'array',
  items: { type: 'string', minLength: 1, maxLength: 4096 },
  minItems: 1,
  uniqueItems: true,
  maxItems: 16,
  description: 'Pinned public keys of the host as OpenSSH lines: Ed25519, ECDSA or RSA, no certificates',
  examples: [['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHE0ZXN0a2V5dGVzdGtleXRlc3RrZXl0ZXN0a2V5dGVz']],
} as const
const credential = {
  oneOf: [
    {
      type: 'object',
      additionalProperties: false,
      required: ['kind'],
      properties: {
        kind: { const: 'certificate', description: 'The host trusts the SSH CA', examples: ['certificate'] },
      },
    },
    {
      type: 'object',
      additionalProperties: false,
      required: ['kind', 'secret'],
      properties: {
        kind: { const: 'secret', description: 'The bastion logs in with a stored secret', examples: ['secret'] },
        secret: {
          type: 'string',
          minLength: 1,
          maxLength: 128,
          description: "Name of a shared secret that is in one of the creator's groups",
          examples: ['edge-ssh-key'],
        },
      },
    },
  ],
  description: 'With what the bastion logs in to the host',
  examples: [{ kind: 'certificate' }],
} as const

export const createHostSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'address', 'groups', 'principals', 'modes', 'hostKeys', 'credential'],
  properties: { name, address, port, groups, principals, modes, hostKeys, credential },
} as const
export type CreateHost = FromSchema<typeof createHostSchema>

export const updateHostSchema = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  properties: { address, port, groups, principals, modes, hostKeys, credential },
} as const
export type UpdateHost = FromSchema<typeof updateHostSchema>

export const hostSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'id',
    'name',
    'address',
    'port',
    'groups',
    'environment',
    'principals',
    'modes',
    'hostKeys',
    'credential',
    'createdAt',
    'createdBy',
  ],
  properties: {
    id: { type: 'string', description: 'Id of the host', examples: ['hst_7h2kq9x0m4c8d1e5f6g3abt2n'] },
    name,
    address,
    port,
    groups: groupNames,
    environment: { enum: environments, description: 'The strictest of its groups', examples: ['production'] },
    principals,
    modes,
    hostKeys,
    credential,
    ...createdProperties,
  },
} as const

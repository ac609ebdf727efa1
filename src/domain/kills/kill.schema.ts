import type { FromSchema } from 'json-schema-to-ts'
import { reasonSchema } from '../agents/agent.schema.ts'
import { killKinds } from './kill.ts'

const text = { type: 'string' } as const
const time = { type: ['string', 'null'], format: 'date-time' } as const

export const orderKillSchema = {
  examples: [{ kind: 'agent', id: 'cursor-ops', reason: 'Laptop lost' }],
  type: 'object',
  additionalProperties: false,
  required: ['kind', 'reason'],
  properties: {
    kind: { enum: killKinds, description: 'What is stopped', examples: ['agent'] },
    id: {
      ...text,
      minLength: 1,
      maxLength: 320,
      description: 'Id or name of the agent or group, id or e-mail of the owner; left out for all',
      examples: ['cursor-ops'],
    },
    reason: reasonSchema.properties.reason,
    revoke: { type: 'boolean', description: 'End the agents for good instead of suspending them' },
    drill: { type: 'boolean', description: 'Ask every replica whether it would act, and stop nothing' },
  },
  oneOf: [
    { properties: { kind: { const: 'all' }, id: false } },
    { properties: { kind: { enum: ['agent', 'owner', 'group'] } }, required: ['id'] },
  ],
} as const

export type OrderKill = FromSchema<Omit<typeof orderKillSchema, 'oneOf'>>

export const killSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'id',
    'kind',
    'target',
    'reason',
    'revoke',
    'drill',
    'inForce',
    'createdAt',
    'createdBy',
    'liftedAt',
    'liftedBy',
    'receipts',
  ],
  properties: {
    id: { ...text, description: 'Id of the kill', examples: ['kil_7h2kq9x0m4c8d1e5f6g3abt2n'] },
    kind: { enum: killKinds },
    target: {
      type: ['object', 'null'],
      additionalProperties: false,
      required: ['id', 'name'],
      properties: { id: text, name: text },
      description: 'Null for all',
    },
    reason: text,
    revoke: { type: 'boolean' },
    drill: { type: 'boolean' },
    inForce: { type: 'boolean', description: 'While it is, nothing that it matches can be created or resumed' },
    createdAt: { ...text, format: 'date-time' },
    createdBy: text,
    liftedAt: time,
    liftedBy: { type: ['string', 'null'] },
    receipts: {
      type: 'array',
      description: 'One per replica',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['replica', 'confirmed', 'confirmedAt', 'afterMs', 'epoch', 'callsCut', 'sshSessionsCut'],
        properties: {
          replica: text,
          confirmed: {
            type: 'boolean',
            description: 'Whether the replica said in time that it refuses every new call',
          },
          confirmedAt: time,
          afterMs: { type: ['integer', 'null'], description: 'How long after the kill' },
          epoch: { type: ['integer', 'null'], description: 'The authority epoch it acted on' },
          callsCut: { type: 'integer', description: 'Running calls that it broke off' },
          sshSessionsCut: { type: 'integer', description: 'SSH sessions that it cut at its bastion' },
        },
      },
    },
  },
} as const

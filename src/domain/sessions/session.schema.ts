import { endReasons, sessionStatuses, sessionTransports } from './session.ts'

const time = { type: 'string', format: 'date-time' } as const

export const sessionSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'id',
    'agent',
    'agentId',
    'tokenId',
    'transport',
    'client',
    'protocolVersion',
    'launcher',
    'status',
    'startedAt',
    'lastSeenAt',
    'endedAt',
    'endReason',
  ],
  properties: {
    id: { type: 'string', description: 'Id of the session', examples: ['ses_7h2kq9x0m4c8d1e5f6g3abt2n'] },
    agent: { type: 'string', description: 'Name of the agent', examples: ['cursor-ops'] },
    agentId: { type: 'string' },
    tokenId: { type: 'string' },
    transport: {
      enum: sessionTransports,
      description: 'Opened by a handshake, or the calls of one client between silences',
    },
    client: {
      type: 'object',
      additionalProperties: false,
      required: ['ip', 'name', 'version'],
      properties: { ip: { type: 'string' }, name: { type: 'string' }, version: { type: 'string' } },
      description: 'The client as it names itself, and its real address',
    },
    protocolVersion: { type: 'string', examples: ['2025-11-25'] },
    launcher: {
      type: ['object', 'null'],
      additionalProperties: false,
      required: ['name', 'verified'],
      properties: { name: { type: 'string' }, verified: { type: 'boolean' } },
      description: 'Who launched the client, claimed or verified; null when nobody said',
    },
    status: { enum: sessionStatuses },
    startedAt: time,
    lastSeenAt: time,
    endedAt: { type: ['string', 'null'], format: 'date-time' },
    endReason: { enum: [...endReasons, null], description: 'Null while the session is active' },
  },
} as const

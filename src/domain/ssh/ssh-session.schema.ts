import type { FromSchema } from 'json-schema-to-ts'
import { hostModes } from '../hosts/host.schema.ts'
import { principalKinds } from '../../kernel/vocabulary.ts'

export const sshSessionStates = ['granted', 'active', 'ended', 'cut', 'expired'] as const
export type SshSessionState = (typeof sshSessionStates)[number]

/** Unless it is asked for otherwise, a session lasts so long; the policy says how long it may last. */
export const sshTtlSecondsDefault = 900
const TTL_SECONDS_MAX = 86_400
/** What sshd takes as one command line is far more; this is for people to read in the log. */
export const commandCharactersMax = 8_192

const time = { type: 'string', format: 'date-time' } as const

const properties = {
  host: { type: 'string', minLength: 1, maxLength: 128, description: 'Name of the host', examples: ['edge-proxy-1'] },
  principal: {
    type: 'string',
    pattern: '^[a-z_][a-z0-9_-]{0,31}$',
    description: 'Account on the host; the first that it offers unless given',
    examples: ['deploy'],
  },
  mode: {
    enum: hostModes,
    description:
      'exec: single commands; shell: an interactive shell. The first of these that the host offers unless given',
    examples: ['exec'],
  },
  ttlSeconds: {
    type: 'integer',
    minimum: 1,
    maximum: TTL_SECONDS_MAX,
    description: `How long the session may last, within what the policy permits; ${sshTtlSecondsDefault} unless given`,
    examples: [sshTtlSecondsDefault],
  },
  reason: {
    type: 'string',
    minLength: 1,
    maxLength: 1024,
    'x-agent-text': true,
    description: 'What it is for',
    examples: ['Reload the proxy after its certificate was renewed'],
  },
} as const

export const requestSshSessionSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['host'],
  properties,
} as const
export type RequestSshSession = FromSchema<typeof requestSshSessionSchema>

export const sshGrantSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['sessionId', 'expiresAt', 'command', 'ticket', 'hostKeyFingerprint', 'recorded'],
  properties: {
    sessionId: { type: 'string', description: 'Id of the SSH session', examples: ['ssh_7h2kq9x0m4c8d1e5f6g3abt2n'] },
    expiresAt: { ...time, description: 'When the session is ended, whatever happens in it' },
    command: {
      type: 'string',
      description: 'The command line that opens the session with an SSH client',
      examples: ['ssh -p 2222 s-ssh_7h2kq9x0m4c8d1e5f6g3abt2n@bastion.example.com'],
    },
    ticket: {
      type: 'string',
      description: 'The password for it: good once, and only for a minute',
      examples: ['clk_ssh_…'],
    },
    hostKeyFingerprint: {
      type: 'string',
      description: 'Of the host key that the bastion shows',
      examples: ['SHA256:mVPwvezndPv/ARoIadVY98vAC0g+P/5633yTC4d/wXE'],
    },
    recorded: { const: true, description: 'Everything in the session is recorded' },
  },
} as const
export type SshGrant = FromSchema<typeof sshGrantSchema>

export const sshSessionSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'id',
    'holder',
    'agent',
    'host',
    'groups',
    'environment',
    'principal',
    'mode',
    'reason',
    'client',
    'status',
    'createdAt',
    'expiresAt',
    'startedAt',
    'endedAt',
    'endReason',
  ],
  properties: {
    id: { type: 'string', description: 'Id of the SSH session', examples: ['ssh_7h2kq9x0m4c8d1e5f6g3abt2n'] },
    holder: {
      type: 'object',
      additionalProperties: false,
      required: ['kind', 'id', 'name'],
      properties: { kind: { enum: principalKinds }, id: { type: 'string' }, name: { type: 'string' } },
      description: 'Who was granted it',
    },
    agent: { type: ['string', 'null'], description: 'Name of the agent; null when a person holds it' },
    host: properties.host,
    groups: { type: 'array', items: { type: 'string' }, description: 'Groups of the host' },
    environment: { type: 'string', description: 'Environment of the host', examples: ['production'] },
    principal: { type: 'string', description: 'Account on the host', examples: ['deploy'] },
    mode: { enum: hostModes },
    reason: { type: 'string', description: 'What it is for, as whoever asked claims' },
    client: {
      type: 'object',
      additionalProperties: false,
      required: ['ip', 'name', 'version'],
      properties: { ip: { type: 'string' }, name: { type: 'string' }, version: { type: 'string' } },
      description: 'From where it was asked for',
    },
    status: { enum: sshSessionStates, description: 'granted and active sessions can be used; all others are over' },
    createdAt: time,
    expiresAt: time,
    startedAt: { type: ['string', 'null'], format: 'date-time' },
    endedAt: { type: ['string', 'null'], format: 'date-time' },
    endReason: { type: ['string', 'null'], description: 'Null until it is over', examples: ['closed'] },
  },
} as const

import { createAgentSchema, reasonSchema, updateAgentSchema } from '../domain/agents/agent.schema.ts'
import { approvalCommentSchema } from '../domain/approvals/approval.schema.ts'
import { createGroupSchema, updateGroupSchema } from '../domain/groups/group.schema.ts'
import { createHostSchema, updateHostSchema } from '../domain/hosts/host.schema.ts'
import { createApiKeySchema } from '../domain/people/api-key.schema.ts'
import { createPersonSchema, updatePersonSchema } from '../domain/people/person.schema.ts'
import { createProbeSchema, updateProbeSchema } from '../domain/probes/probe.schema.ts'
import {
  addSecretVersionSchema,
  createSecretSchema,
  restoreSecretSchema,
  revealSecretSchema,
  updateSecretSchema,
} from '../domain/secrets/secret.schema.ts'
import { createTokenSchema } from '../domain/tokens/token.schema.ts'
import { approvalSheet } from './approval-sheet.ts'
import { accessColumns, accessRow, changeRow, exposureRow } from './auditor-rows.ts'
import { certificates } from './certificates-noun.ts'
import { printCreatedApiKey, printCreatedToken, printValue } from './once-shown.ts'
import { create, list, type Noun, show, update } from './verb.ts'

const tokenFlags = {
  cidrs: 'cidr',
  'autoRotate.everySeconds': 'auto-rotate-every',
  'autoRotate.overlapSeconds': 'auto-rotate-overlap',
}
const eventColumns = ['seq', 'at', 'type', 'outcome', 'code', 'requestId']
const sessionColumns = ['id', 'agent', 'status', 'client', 'startedAt', 'lastSeenAt', 'endReason']

export const nouns: readonly Noun[] = [
  {
    name: 'groups',
    about: 'Who and what belong together',
    columns: ['name', 'environment', 'description', 'id'],
    verbs: [
      list('/groups'),
      create('/groups', createGroupSchema),
      show('/groups'),
      update('/groups', updateGroupSchema),
    ],
  },
  {
    name: 'people',
    about: 'Who owns, operates, approves and audits',
    columns: ['email', 'name', 'role', 'groups', 'disabled', 'id'],
    verbs: [
      list('/people', ['group']),
      create('/people', createPersonSchema),
      show('/people'),
      update('/people', updatePersonSchema),
    ],
  },
  {
    name: 'api-keys',
    about: 'With what people and pipelines use REST',
    columns: ['id', 'person', 'name', 'prefix', 'status', 'expiresAt'],
    verbs: [
      list('/api-keys', ['person']),
      { ...create('/api-keys', createApiKeySchema), print: printCreatedApiKey },
      { name: 'revoke', about: 'End a key for good', method: 'POST', path: '/api-keys/:id/revoke' },
    ],
  },
  {
    name: 'agents',
    about: 'AI agents and what they may ask for',
    columns: ['name', 'status', 'riskLevel', 'owner', 'groups', 'scopes'],
    verbs: [
      list('/agents', ['owner', 'group']),
      create('/agents', createAgentSchema),
      show('/agents'),
      update('/agents', updateAgentSchema),
      {
        name: 'suspend',
        about: 'Stop an agent until it is resumed',
        method: 'POST',
        path: '/agents/:id/suspend',
        body: reasonSchema,
      },
      {
        name: 'resume',
        about: 'Let a suspended agent go on',
        method: 'POST',
        path: '/agents/:id/resume',
        body: reasonSchema,
      },
      {
        name: 'revoke',
        about: 'End an agent for good',
        method: 'POST',
        path: '/agents/:id/revoke',
        body: reasonSchema,
      },
      {
        name: 'sessions',
        about: 'List its sessions',
        method: 'GET',
        path: '/agents/:id/sessions',
        filters: ['status'],
        columns: sessionColumns,
      },
      {
        name: 'audit',
        about: 'What it did and what was done to it',
        method: 'GET',
        path: '/agents/:id/audit',
        filters: ['type', 'outcome', 'resource'],
        columns: eventColumns,
      },
      {
        name: 'history',
        about: 'How it and its tokens changed',
        method: 'GET',
        path: '/agents/:id/history',
        filters: [],
        columns: ['seq', 'at', 'type', 'actor', 'resource', 'details'],
        row: changeRow,
      },
      {
        name: 'access',
        about: 'Everything it could do now, and why',
        method: 'GET',
        path: '/agents/:id/access',
        filters: [],
        columns: accessColumns,
        row: accessRow,
      },
      {
        name: 'exposure',
        about: 'The secret versions it has read: what to rotate',
        method: 'GET',
        path: '/agents/:id/exposure',
        filters: [],
        columns: ['secret', 'version', 'state', 'reads', 'lastReadAt', 'groups', 'environment'],
        row: exposureRow,
      },
    ],
  },
  {
    name: 'tokens',
    about: 'With what agents connect over MCP',
    columns: ['id', 'agent', 'name', 'prefix', 'status', 'groups', 'expiresAt', 'lastUsedAt'],
    verbs: [
      list('/tokens', ['agent', 'group']),
      { ...create('/tokens', createTokenSchema), flags: tokenFlags, print: printCreatedToken },
      show('/tokens'),
      { name: 'revoke', about: 'End a token for good', method: 'POST', path: '/tokens/:id/revoke' },
    ],
  },
  {
    name: 'secrets',
    about: 'What agents ask for',
    columns: ['name', 'kind', 'type', 'groups', 'environment', 'version', 'disclosure'],
    verbs: [
      list('/secrets', ['kind', 'group']),
      create('/secrets', createSecretSchema),
      show('/secrets'),
      update('/secrets', updateSecretSchema),
      {
        name: 'versions',
        about: 'List its versions',
        method: 'GET',
        path: '/secrets/:id/versions',
        filters: [],
        columns: ['version', 'restoredFrom', 'createdAt', 'createdBy'],
      },
      {
        name: 'add-version',
        about: 'Give it a new value',
        method: 'POST',
        path: '/secrets/:id/versions',
        body: addSecretVersionSchema,
      },
      {
        name: 'restore',
        about: 'Make an older version current again',
        method: 'POST',
        path: '/secrets/:id/restore',
        body: restoreSecretSchema,
      },
      {
        name: 'reveal',
        about: 'Print its value; that is on record',
        method: 'POST',
        path: '/secrets/:id/reveal',
        body: revealSecretSchema,
        print: printValue,
      },
      { name: 'delete', about: 'Take it out of use', method: 'DELETE', path: '/secrets/:id' },
    ],
  },
  {
    name: 'hosts',
    about: 'Machines that agents reach over SSH',
    columns: ['name', 'address', 'port', 'groups', 'environment', 'principals', 'modes'],
    verbs: [
      list('/hosts', ['group']),
      create('/hosts', createHostSchema),
      show('/hosts'),
      update('/hosts', updateHostSchema),
      {
        name: 'ssh-ca',
        about: 'Print the key that hosts put under TrustedUserCAKeys',
        method: 'GET',
        path: '/ssh-ca',
        print: ({ publicKey }) => `${String(publicKey)}\n`,
      },
    ],
  },
  certificates,
  {
    name: 'probes',
    about: 'What endpoints serve',
    columns: ['target', 'verdict', 'checkedAt', 'everySeconds', 'groups', 'id'],
    verbs: [
      list('/probes', ['group', 'target']),
      create('/probes', createProbeSchema),
      show('/probes'),
      update('/probes', updateProbeSchema),
    ],
  },
  {
    name: 'sessions',
    about: 'Connections of agents',
    columns: sessionColumns,
    verbs: [
      list('/sessions', ['agent', 'status', 'group']),
      { name: 'end', about: 'End a session', method: 'POST', path: '/sessions/:id/end' },
    ],
  },
  {
    name: 'ssh-sessions',
    about: 'Sessions of agents and people on hosts',
    columns: ['id', 'holder', 'host', 'principal', 'mode', 'status', 'createdAt', 'endReason'],
    verbs: [
      list('/ssh-sessions', ['agent', 'host', 'status', 'group']),
      show('/ssh-sessions'),
      { name: 'end', about: 'Cut a session, with what is open of it', method: 'POST', path: '/ssh-sessions/:id/end' },
    ],
  },
  {
    name: 'approvals',
    about: 'Calls that wait for people',
    columns: ['id', 'status', 'agent', 'tool', 'riskLevel', 'createdAt', 'expiresAt'],
    verbs: [
      list('/approvals', ['status', 'agent', 'group']),
      { ...show('/approvals'), print: approvalSheet },
      {
        name: 'approve',
        about: 'Let exactly this call happen, once',
        method: 'POST',
        path: '/approvals/:id/approve',
        body: approvalCommentSchema,
        print: approvalSheet,
      },
      {
        name: 'deny',
        about: 'Refuse this call for a while',
        method: 'POST',
        path: '/approvals/:id/deny',
        body: approvalCommentSchema,
        print: approvalSheet,
      },
    ],
  },
]

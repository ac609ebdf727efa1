import type { FromSchema } from 'json-schema-to-ts'
import { agentStatuses, principalKinds } from '../kernel/vocabulary.ts'

/** The longest string that enters the policy outside `arguments`, in UTF-16 code units. */
export const inputStringMax = 2048
const LIST_MAX = 1024

const text = { type: 'string', maxLength: inputStringMax } as const
const flag = { type: 'boolean' } as const
const count = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const
const texts = { type: 'array', items: text, maxItems: LIST_MAX } as const

const activity = {
  type: 'object',
  additionalProperties: false,
  required: ['calls', 'denials', 'deniedNames', 'distinctSecrets', 'productionReads'],
  properties: { calls: count, denials: count, deniedNames: count, distinctSecrets: count, productionReads: count },
} as const

/**
 * `certlocker.input/v1`: everything a policy may know about one call. Total: every field is always present, `""`, `[]`,
 * `{}`, `false` or `0` when unknown, never null, because an undefined reference silences a Rego deny rule.
 */
export const policyInputSchema = {
  $id: 'certlocker.input/v1',
  type: 'object',
  additionalProperties: false,
  required: [
    'schema',
    'call',
    'principal',
    'token',
    'session',
    'history',
    'client',
    'resource',
    'arguments',
    'derived',
    'elevation',
    'approval',
    'mode',
  ],
  properties: {
    schema: { const: 'certlocker.input/v1' },
    call: {
      type: 'object',
      additionalProperties: false,
      required: ['id', 'action', 'tool', 'digest', 'attempt', 'time'],
      properties: {
        id: text,
        action: text,
        tool: text,
        digest: text,
        attempt: count,
        time: {
          type: 'object',
          additionalProperties: false,
          required: ['unixMs', 'weekday', 'hour', 'minute'],
          properties: {
            unixMs: count,
            weekday: { enum: ['', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] },
            hour: { type: 'integer', minimum: 0, maximum: 23 },
            minute: { type: 'integer', minimum: 0, maximum: 59 },
          },
        },
      },
    },
    principal: {
      type: 'object',
      additionalProperties: false,
      required: ['kind', 'id', 'name', 'owner', 'ownerDisabled', 'riskLevel', 'status', 'scopes', 'groups', 'role'],
      properties: {
        kind: { enum: principalKinds },
        id: text,
        name: text,
        owner: text,
        ownerDisabled: flag,
        riskLevel: { enum: ['', 'low', 'medium', 'high', 'critical'] },
        status: { enum: ['', ...agentStatuses] },
        scopes: texts,
        groups: texts,
        role: { enum: ['', 'admin', 'operator', 'approver', 'auditor', 'policy_author'] },
      },
    },
    token: {
      type: 'object',
      additionalProperties: false,
      required: ['id', 'groups', 'scopes', 'expiresUnixMs', 'cidrs', 'cidrMatched', 'singleUse', 'spent'],
      properties: {
        id: text,
        groups: texts,
        scopes: texts,
        expiresUnixMs: count,
        cidrs: texts,
        cidrMatched: flag,
        singleUse: flag,
        spent: flag,
      },
    },
    session: {
      type: 'object',
      additionalProperties: false,
      required: ['id', 'ageSeconds', 'launcher'],
      properties: {
        id: text,
        ageSeconds: count,
        launcher: {
          type: 'object',
          additionalProperties: false,
          required: ['name', 'verified'],
          properties: { name: text, verified: flag },
        },
      },
    },
    history: {
      type: 'object',
      additionalProperties: false,
      required: ['minute', 'hour'],
      properties: { minute: activity, hour: activity },
    },
    client: {
      type: 'object',
      additionalProperties: false,
      required: ['ip', 'name', 'version', 'protocol'],
      properties: { ip: text, name: text, version: text, protocol: text },
    },
    resource: {
      type: 'object',
      additionalProperties: false,
      required: [
        'type',
        'id',
        'name',
        'groups',
        'environment',
        'kind',
        'version',
        'labels',
        'disclosure',
        'exists',
        'owner',
        'domains',
        'probeTargets',
      ],
      properties: {
        type: text,
        id: text,
        name: text,
        groups: texts,
        environment: { enum: ['', 'production', 'staging', 'development'] },
        kind: { enum: ['', 'shared', 'private'] },
        version: count,
        labels: { type: 'object', additionalProperties: text },
        disclosure: { enum: ['', 'raw', 'use_only'] },
        exists: flag,
        owner: text,
        domains: texts,
        probeTargets: texts,
      },
    },
    arguments: { type: 'object' },
    derived: {
      type: 'object',
      additionalProperties: false,
      required: ['url', 'command', 'ttlSeconds', 'includesPrivateKey', 'domains'],
      properties: {
        url: {
          type: 'object',
          additionalProperties: false,
          required: ['scheme', 'host', 'port', 'path', 'ipClass'],
          properties: { scheme: text, host: text, port: count, path: text, ipClass: text },
        },
        command: {
          type: 'object',
          additionalProperties: false,
          required: ['argv0', 'argv', 'hasShellSyntax'],
          properties: { argv0: text, argv: texts, hasShellSyntax: flag },
        },
        ttlSeconds: count,
        includesPrivateKey: flag,
        domains: texts,
      },
    },
    elevation: {
      type: 'object',
      additionalProperties: false,
      required: ['active', 'id', 'scopes', 'groups', 'expiresUnixMs'],
      properties: { active: flag, id: text, scopes: texts, groups: texts, expiresUnixMs: count },
    },
    approval: {
      type: 'object',
      additionalProperties: false,
      required: ['status', 'id', 'callDigest', 'approvers', 'quorum', 'useBeforeUnixMs'],
      properties: {
        status: { enum: ['none', 'pending', 'approved', 'denied', 'expired'] },
        id: text,
        callDigest: text,
        approvers: {
          type: 'array',
          maxItems: LIST_MAX,
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['id', 'role', 'groups'],
            properties: { id: text, role: text, groups: texts },
          },
        },
        quorum: count,
        useBeforeUnixMs: count,
      },
    },
    mode: { enum: ['enforce', 'simulate'] },
  },
} as const

export type PolicyInput = FromSchema<typeof policyInputSchema>

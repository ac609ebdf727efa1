import type { FromSchema } from 'json-schema-to-ts'
import { agentStatuses, principalKinds } from '../kernel/vocabulary.ts'

/** The longest string that enters the policy outside `arguments`, in UTF-16 code units. */
export const inputStringMax = 2048
const LIST_MAX = 1024

const text = { type: 'string', maxLength: inputStringMax } as const
const flag = { type: 'boolean' } as const
const count = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const
const texts = { type: 'array', items: text, maxItems: LIST_MAX } as const

/** A field with what it means, which is what the reference of policy authors says. */
const field = <S extends object>(schema: S, description: string) => ({ ...schema, description })

const activity = {
  type: 'object',
  additionalProperties: false,
  required: ['calls', 'denials', 'deniedNames', 'distinctSecrets', 'productionReads'],
  properties: {
    calls: field(count, 'Calls'),
    denials: field(count, 'Calls that were denied'),
    deniedNames: field(count, 'Distinct names that were denied'),
    distinctSecrets: field(count, 'Distinct secrets read'),
    productionReads: field(count, 'Reads of production secrets'),
  },
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
    schema: field({ const: 'certlocker.input/v1' } as const, 'The version of this document'),
    call: {
      type: 'object',
      additionalProperties: false,
      required: ['id', 'action', 'tool', 'digest', 'attempt', 'time'],
      properties: {
        id: field(text, 'Id of this evaluation'),
        action: field(text, 'What is decided: `secret.read`, `agent.suspend`, …'),
        tool: field(text, 'The MCP tool; empty for people and services'),
        digest: field(text, 'What an approval is bound to: SHA-256 over agent, tool, arguments, resource and version'),
        attempt: field(count, '1, and 2 when an approval was decided while the call was held'),
        time: {
          type: 'object',
          additionalProperties: false,
          required: ['unixMs', 'weekday', 'hour', 'minute'],
          properties: {
            unixMs: field(count, 'Milliseconds since 1970, by the database clock'),
            weekday: field(
              { enum: ['', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] } as const,
              'Day in `policy.timeZone`',
            ),
            hour: field({ type: 'integer', minimum: 0, maximum: 23 } as const, 'Hour there'),
            minute: field({ type: 'integer', minimum: 0, maximum: 59 } as const, 'Minute there'),
          },
        },
      },
    },
    principal: {
      type: 'object',
      additionalProperties: false,
      required: ['kind', 'id', 'name', 'owner', 'ownerDisabled', 'riskLevel', 'status', 'scopes', 'groups', 'role'],
      properties: {
        kind: field({ enum: principalKinds } as const, 'Who asks'),
        id: field(text, 'Its id'),
        name: field(text, "Its name; a person's e-mail address"),
        owner: field(text, "Id of an agent's owner"),
        ownerDisabled: field(flag, 'Whether that person is disabled'),
        riskLevel: field({ enum: ['', 'low', 'medium', 'high', 'critical'] } as const, "An agent's risk level"),
        status: field({ enum: ['', ...agentStatuses] } as const, "An agent's status"),
        scopes: field(texts, 'Effective scopes: those of agent and token both'),
        groups: field(texts, 'Effective groups: those of agent, token and owner at once'),
        role: field(
          { enum: ['', 'admin', 'operator', 'approver', 'auditor', 'policy_author'] } as const,
          'Role of a person or service',
        ),
      },
    },
    token: {
      type: 'object',
      additionalProperties: false,
      required: ['id', 'groups', 'scopes', 'expiresUnixMs', 'cidrs', 'cidrMatched', 'singleUse', 'spent'],
      properties: {
        id: field(text, 'Id of the token'),
        groups: field(texts, 'Groups that it was limited to'),
        scopes: field(texts, 'Scopes that it was limited to'),
        expiresUnixMs: field(count, 'When it ends'),
        cidrs: field(texts, 'Networks that it may be used from; empty: any'),
        cidrMatched: field(flag, 'Whether the client is in one of them'),
        singleUse: field(flag, 'Whether it is good for one call'),
        spent: field(flag, 'Whether another call has used it up'),
      },
    },
    session: {
      type: 'object',
      additionalProperties: false,
      required: ['id', 'ageSeconds', 'launcher'],
      properties: {
        id: field(text, 'Id of the session'),
        ageSeconds: field(count, 'Seconds since it began'),
        launcher: {
          type: 'object',
          additionalProperties: false,
          required: ['name', 'verified'],
          properties: {
            name: field(text, 'Who launched the agent'),
            verified: field(flag, 'Whether that is proven, and not only claimed'),
          },
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
      properties: {
        ip: field(text, 'Address of the client, behind trusted proxies the real one'),
        name: field(text, 'Name of the client program, as it says itself'),
        version: field(text, 'Its version, as it says itself'),
        protocol: field(text, 'MCP revision'),
      },
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
        type: field(text, 'What is asked for: secret, host, agent, …'),
        id: field(text, 'Its id'),
        name: field(text, 'Its name, also when nothing of that name exists'),
        groups: field(texts, 'Its groups'),
        environment: field(
          { enum: ['', 'production', 'staging', 'development'] } as const,
          'The strictest of its groups',
        ),
        kind: field({ enum: ['', 'shared', 'private'] } as const, 'Of a secret'),
        version: field(count, 'The version that would be handed out'),
        labels: field({ type: 'object', additionalProperties: text } as const, 'Labels, by name'),
        disclosure: field({ enum: ['', 'raw', 'use_only'] } as const, 'Whether a secret may be read'),
        exists: field(flag, 'Whether there is such a resource'),
        owner: field(text, 'Id of the person it belongs to'),
        domains: field(texts, 'Names that certificates of its groups may have'),
        probeTargets: field(texts, 'Targets that its groups may probe'),
      },
    },
    arguments: field({ type: 'object' } as const, 'Arguments of the tool; sensitive ones as a MAC'),
    derived: {
      type: 'object',
      additionalProperties: false,
      required: ['url', 'command', 'ttlSeconds', 'includesPrivateKey', 'domains'],
      properties: {
        url: {
          type: 'object',
          additionalProperties: false,
          required: ['scheme', 'host', 'port', 'path', 'ipClass'],
          properties: {
            scheme: field(text, 'Scheme of a URL among the arguments'),
            host: field(text, 'Its host'),
            port: field(count, 'Its port'),
            path: field(text, 'Its path'),
            ipClass: field(text, 'What kind of address the host is'),
          },
        },
        command: {
          type: 'object',
          additionalProperties: false,
          required: ['argv0', 'argv', 'hasShellSyntax'],
          properties: {
            argv0: field(text, 'Program of a command among the arguments'),
            argv: field(texts, 'Its words'),
            hasShellSyntax: field(flag, 'Whether only a shell can run it'),
          },
        },
        ttlSeconds: field(count, 'How long the call would grant something'),
        includesPrivateKey: field(flag, 'Whether a private key is asked for'),
        domains: field(texts, 'Domain names among the arguments'),
      },
    },
    elevation: {
      type: 'object',
      additionalProperties: false,
      required: ['active', 'id', 'scopes', 'groups', 'expiresUnixMs'],
      properties: {
        active: field(flag, 'Whether a temporary grant is in force'),
        id: field(text, 'Its id'),
        scopes: field(texts, 'Scopes that it adds'),
        groups: field(texts, 'Groups that it adds'),
        expiresUnixMs: field(count, 'When it ends'),
      },
    },
    approval: {
      type: 'object',
      additionalProperties: false,
      required: ['status', 'id', 'callDigest', 'approvers', 'quorum', 'useBeforeUnixMs'],
      properties: {
        status: field(
          { enum: ['none', 'pending', 'approved', 'denied', 'expired'] } as const,
          'What has become of an approval of this call',
        ),
        id: field(text, 'Its id'),
        callDigest: field(text, 'The call that it is for'),
        approvers: {
          type: 'array',
          maxItems: LIST_MAX,
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['id', 'role', 'groups'],
            properties: {
              id: field(text, 'A person who approved'),
              role: field(text, 'Their role'),
              groups: field(texts, 'Their groups'),
            },
          },
        },
        quorum: field(count, 'How many have to approve'),
        useBeforeUnixMs: field(count, 'Until when it may be used'),
      },
    },
    mode: field({ enum: ['enforce', 'simulate'] } as const, 'Whether the answer is obeyed, or only looked at'),
  },
} as const

export type PolicyInput = FromSchema<typeof policyInputSchema>

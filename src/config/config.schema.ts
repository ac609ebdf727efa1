import type { FromSchema } from 'json-schema-to-ts'
import type { Secret } from '../kernel/secret.ts'
import { notificationsSchema } from './notifications.schema.ts'
import { acmeSchema, vaultSchema } from './outside-world.schema.ts'
import { policySettingsSchema } from './policy-settings.schema.ts'

/** Where the bastion listens unless another port is asked for. */
export const bastionPortDefault = 2222

/**
 * Every setting there is. This one schema is the type, the validation, and the documentation.
 * `x-secret` hides a value wherever settings are shown, `x-path` makes it absolute, `x-file-only` keeps it out of the
 * environment.
 */
export const configSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    http: {
      type: 'object',
      additionalProperties: false,
      default: {},
      properties: {
        host: { type: 'string', minLength: 1, default: '127.0.0.1', description: 'Address to listen on' },
        port: {
          type: 'integer',
          minimum: 0,
          maximum: 65535,
          default: 8080,
          description: 'Port to listen on; 0 is any free one',
        },
        publicUrl: {
          type: 'string',
          pattern: '^https?://[^@/]+(/[^@]*)?$',
          description: 'URL under which clients reach the gateway',
        },
        tls: {
          type: 'object',
          additionalProperties: false,
          required: ['certFile', 'keyFile'],
          properties: {
            certFile: { type: 'string', 'x-path': true, description: 'Certificate chain (PEM)' },
            keyFile: { type: 'string', 'x-path': true, description: 'Private key of the certificate (PEM)' },
          },
        },
        trustedProxies: {
          type: 'array',
          items: { type: 'string', pattern: '^[0-9A-Fa-f:.]+/[0-9]{1,3}$' },
          default: [],
          description: 'Networks of proxies whose X-Forwarded-For is believed',
        },
        allowedOrigins: {
          type: 'array',
          items: { type: 'string', pattern: '^https?://[^@/]+$' },
          default: [],
          description: 'Further origins whose pages may call the gateway',
        },
        allowPlaintext: {
          type: 'boolean',
          default: false,
          description: 'Permit an address other than loopback without TLS and without an https publicUrl',
        },
      },
    },
    dataDir: {
      type: 'string',
      'x-path': true,
      default: './.certlocker',
      description: 'Folder of the embedded database, keys, the last good policy bundle, and recordings',
    },
    database: {
      type: 'object',
      additionalProperties: false,
      default: {},
      properties: {
        url: {
          type: 'string',
          'x-secret': true,
          pattern: '^postgres(ql)?://[^/]*/.+',
          description:
            'PostgreSQL connection URI (postgres://user:password@host/database); without it an embedded database is used',
        },
      },
    },
    secrets: {
      type: 'object',
      additionalProperties: false,
      default: {},
      required: ['keyFile'],
      properties: {
        keyFile: {
          type: 'string',
          'x-path': true,
          description: 'Key of the built-in secret store; made at the first start on an empty database',
        },
      },
    },
    vault: vaultSchema,
    policy: policySettingsSchema,
    limits: {
      type: 'object',
      additionalProperties: false,
      default: {},
      properties: {
        callsPerMinute: {
          type: 'integer',
          minimum: 1,
          default: 6_000,
          description:
            'Calls per minute that a token may make, over all replicas; each learns within a second or so what the others let through',
        },
      },
    },
    launcher: {
      type: 'object',
      additionalProperties: false,
      default: {},
      properties: {
        oidc: {
          type: 'object',
          additionalProperties: false,
          required: ['issuer', 'audience'],
          properties: {
            issuer: {
              type: 'string',
              pattern: '^https?://[^@/]+(/[^@]*)?$',
              description: 'Issuer of the ID tokens that prove who launched an agent',
            },
            audience: { type: 'string', minLength: 1, description: 'Audience that these tokens must name' },
            jwksFile: { type: 'string', 'x-path': true, description: "The issuer's keys as a file (JWK set)" },
            jwksUrl: {
              type: 'string',
              pattern: '^https?://[^@/]+(/[^@]*)?$',
              description: "The issuer's keys as a URL (JWK set)",
            },
          },
        },
      },
    },
    bastion: {
      type: 'object',
      additionalProperties: false,
      default: {},
      required: ['hostKeyFile'],
      properties: {
        host: {
          type: 'string',
          minLength: 1,
          default: '127.0.0.1',
          description: 'Address on which the SSH bastion listens',
        },
        port: {
          type: 'integer',
          minimum: 0,
          maximum: 65535,
          default: bastionPortDefault,
          description: 'Its port; 0 is any free one',
        },
        publicAddress: {
          type: 'string',
          minLength: 1,
          description: 'Host name or address under which SSH clients reach it',
        },
        hostKeyFile: {
          type: 'string',
          'x-path': true,
          description: 'Its host key; made at the first start on an empty database',
        },
      },
    },
    recordings: {
      type: 'object',
      additionalProperties: false,
      default: {},
      required: ['dir'],
      properties: {
        dir: { type: 'string', 'x-path': true, description: 'Folder of SSH session recordings' },
      },
    },
    egress: {
      type: 'object',
      additionalProperties: false,
      default: {},
      properties: {
        privateCidrs: {
          type: 'array',
          items: { type: 'string', pattern: '^[0-9A-Fa-f:.]+/[0-9]{1,3}$' },
          default: [],
          description: 'Private networks that probes may reach; metadata addresses are never reached',
        },
      },
    },
    acme: acmeSchema,
    denials: {
      type: 'string',
      enum: ['explain', 'opaque'],
      default: 'explain',
      description: 'Whether a denial gives its reason, or one text for missing and forbidden alike',
    },
    audit: {
      type: 'object',
      additionalProperties: false,
      default: {},
      required: ['keyFile'],
      properties: {
        keyFile: {
          type: 'string',
          'x-path': true,
          description: 'Key that signs the checkpoints of the audit log; made at the first start on an empty database',
        },
        acceptTruncated: {
          type: 'integer',
          minimum: 0,
          description: 'Size of the audit log that is accepted after a restore although a later checkpoint is known',
        },
      },
    },
    sessions: {
      type: 'object',
      additionalProperties: false,
      default: {},
      properties: {
        idleSeconds: {
          type: 'integer',
          minimum: 1,
          default: 900,
          description: 'An MCP session unused for so long ends',
        },
      },
    },
    approvals: {
      type: 'object',
      additionalProperties: false,
      default: {},
      properties: {
        decideSeconds: {
          type: 'integer',
          minimum: 1,
          default: 3_600,
          description: 'How long an approval may be decided',
        },
        useSeconds: {
          type: 'integer',
          minimum: 1,
          default: 900,
          description: 'How long a decided approval stays in force',
        },
        holdSeconds: {
          type: 'integer',
          minimum: 0,
          maximum: 50,
          default: 25,
          description: 'How long a call of a client that shows progress is held while its approval is pending',
        },
      },
    },
    notifications: notificationsSchema,
    bootstrap: {
      type: 'object',
      additionalProperties: false,
      default: {},
      properties: {
        adminKey: {
          type: 'string',
          'x-secret': true,
          minLength: 32,
          description:
            'Bearer of the built-in admin service account; without it one is made and printed once at the first start',
        },
      },
    },
  },
} as const

/** The settings in force: defaults filled in, paths absolute, credentials as `Secret`. */
export type Config = DeepReadonly<
  FromSchema<typeof configSchema, { deserialize: [{ pattern: { 'x-secret': true }; output: Secret<string> }] }>
>

type DeepReadonly<T> =
  T extends Secret<string>
    ? T
    : T extends readonly (infer E)[]
      ? readonly DeepReadonly<E>[]
      : T extends object
        ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
        : T

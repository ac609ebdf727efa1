/** One or more segments, without a slash at either end. `.` and `..` would lead elsewhere. */
const mountPattern = '^(?!\\.{1,2}(/|$))[A-Za-z0-9._-]{1,128}(/(?!\\.{1,2}(/|$))[A-Za-z0-9._-]{1,128}){0,7}$'

/** The part of the configuration that names a Vault (or OpenBao) server. */
export const vaultSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  properties: {
    address: {
      type: 'string',
      pattern: '^https?://[^@/]+(/[^@]*)?$',
      description: 'URL of Vault or OpenBao; without it secrets are kept sealed in the database',
    },
    namespace: {
      type: 'string',
      pattern: '^[A-Za-z0-9._/-]{1,512}$',
      description: 'Vault namespace',
    },
    caFile: {
      type: 'string',
      'x-path': true,
      description: "Certificates (PEM) that Vault's server is checked against",
    },
    auth: {
      type: 'object',
      additionalProperties: false,
      default: {},
      properties: {
        method: {
          type: 'string',
          enum: ['token', 'approle', 'kubernetes'],
          default: 'token',
          description: 'How the gateway logs in to Vault',
        },
        mount: {
          type: 'string',
          pattern: mountPattern,
          description: 'Mount of that login method, when it is not the usual one',
        },
        token: { type: 'string', 'x-secret': true, minLength: 1, description: 'Vault token (method token)' },
        roleId: { type: 'string', minLength: 1, description: 'Role id (method approle)' },
        secretId: { type: 'string', 'x-secret': true, minLength: 1, description: 'Secret id (method approle)' },
        role: { type: 'string', minLength: 1, description: 'Role (method kubernetes)' },
        jwtFile: {
          type: 'string',
          'x-path': true,
          default: '/var/run/secrets/kubernetes.io/serviceaccount/token',
          description: 'Service account token (method kubernetes)',
        },
      },
    },
    mounts: {
      type: 'object',
      additionalProperties: false,
      default: {},
      properties: {
        kv: {
          type: 'string',
          pattern: mountPattern,
          default: 'secret',
          description: 'Mount of the KV version 2 engine',
        },
        ssh: {
          type: 'string',
          pattern: mountPattern,
          description: 'Mount of the SSH engine; makes it the SSH CA, in place of the built-in one',
        },
        transit: { type: 'string', minLength: 1, default: 'transit', description: 'Mount of the transit engine' },
        pki: {
          type: 'string',
          pattern: mountPattern,
          description: 'Mount of the PKI engine; makes it the issuer vault-pki',
        },
      },
    },
    pkiRole: {
      type: 'string',
      pattern: '^[A-Za-z0-9._-]{1,128}$',
      description: 'Role of the PKI engine that certificates are signed under; without it sign-verbatim is used',
    },
  },
} as const

/** The part of the configuration that names ACME certificate authorities (RFC 8555). */
export const acmeSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  properties: {
    issuers: {
      type: 'array',
      'x-file-only': true,
      default: [],
      description:
        'Certificate authorities: `{name, directoryUrl, caFile, contact, eab: {keyId, hmacKeyFile}, profile}`; in the file only',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'directoryUrl'],
        properties: {
          name: {
            type: 'string',
            pattern: '^[a-z][a-z0-9-]{0,62}$',
            description: 'Name by which certificates choose it',
          },
          directoryUrl: { type: 'string', pattern: '^https?://[^@/]+(/[^@]*)?$', description: 'ACME directory' },
          caFile: {
            type: 'string',
            'x-path': true,
            description: 'Certificates (PEM) that its server is checked against',
          },
          contact: { type: 'string', minLength: 1, description: 'E-mail address of the account' },
          eab: {
            type: 'object',
            additionalProperties: false,
            required: ['keyId', 'hmacKeyFile'],
            properties: {
              keyId: { type: 'string', minLength: 1, description: 'Key id of the external account binding' },
              hmacKeyFile: {
                type: 'string',
                'x-path': true,
                minLength: 1,
                description: 'File with its MAC key (base64url)',
              },
            },
          },
          profile: { type: 'string', minLength: 1, description: 'Certificate profile to ask for' },
        },
      },
    },
    http01: {
      type: 'object',
      additionalProperties: false,
      required: ['port'],
      properties: {
        host: {
          type: 'string',
          minLength: 1,
          default: '127.0.0.1',
          description: 'Address that answers http-01 challenges',
        },
        port: {
          type: 'integer',
          minimum: 0,
          maximum: 65535,
          description: 'Port that answers http-01 challenges; without it nothing does',
        },
      },
    },
    dns01: {
      type: 'object',
      additionalProperties: false,
      required: ['provider'],
      properties: {
        provider: {
          type: 'string',
          enum: ['webhook', 'cloudflare'],
          description: 'DNS service that is told the dns-01 challenges; without it none is',
        },
        credentialsFile: {
          type: 'string',
          'x-path': true,
          description:
            'File with what it needs, as JSON: `{url, token}` of a webhook, `{apiToken, zoneId, propagationSeconds}` at Cloudflare; token, zoneId and propagationSeconds (10) may be left out',
        },
        credentialsSecret: {
          type: 'string',
          minLength: 1,
          maxLength: 128,
          description: 'Shared secret whose value is that, in place of the file; its newest version counts at once',
        },
      },
    },
  },
} as const

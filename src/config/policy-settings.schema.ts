/** The part of the configuration that says where policy bundles come from and how a new one is judged. */
export const policySettingsSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  properties: {
    source: {
      type: 'string',
      pattern: '^(file:|https?://[^@/]+/|oci://[^@/]+/).+',
      description:
        'Where the policy bundle comes from (file:, https: or oci: URL); without it the shipped bundle is used',
    },
    sourceCredential: {
      type: 'string',
      'x-secret': true,
      minLength: 1,
      description: 'What an https: or oci: source asks for: `USER:PASSWORD`, or a bearer token',
    },
    sourceCaFile: {
      type: 'string',
      'x-path': true,
      description: "Certificates (PEM) that the source's server is checked against",
    },
    publicKeys: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      default: [],
      description: 'Public keys (PEM files) that bundles may be signed with, each `KEYID=path` or `path`',
    },
    requireSignature: {
      type: 'boolean',
      description: 'Refuse unsigned bundles; unless it is set, those of a file: URL and the shipped one are excepted',
    },
    scope: { type: 'string', minLength: 1, description: 'Scope that the signature of a bundle must carry' },
    pollSeconds: {
      type: 'integer',
      minimum: 1,
      maximum: 86_400,
      default: 60,
      description: 'How often the source is asked',
    },
    wideningBudget: {
      type: 'integer',
      minimum: 0,
      default: 0,
      description: 'How many recorded decisions a new bundle may widen before it is held',
    },
    impactDecisions: {
      type: 'integer',
      minimum: 0,
      default: 10_000,
      description: 'How many recorded decisions are replayed on a new bundle',
    },
    statusUrl: {
      type: 'string',
      pattern: '^https?://[^@/]+/.*',
      description: "Where the status of the policy is posted to, as OPA's (`…/status`)",
    },
    logsUrl: {
      type: 'string',
      pattern: '^https?://[^@/]+/.*',
      description: "Where decisions are posted to, as OPA's decision log (`…/logs`)",
    },
    reportCredential: {
      type: 'string',
      'x-secret': true,
      minLength: 1,
      description: 'What these two ask for: `USER:PASSWORD`, or a bearer token',
    },
    inputDays: {
      type: 'integer',
      minimum: 1,
      default: 90,
      description: 'How many days policy inputs and decisions are kept for replay; events are kept for ever',
    },
    timeZone: {
      type: 'string',
      minLength: 1,
      default: 'UTC',
      description: 'IANA time zone of call.time in policies',
    },
  },
} as const

const digest = { type: 'string', description: 'SHA-256 of the bundle', examples: [`sha256:${'0'.repeat(64)}`] } as const
const revision = { type: 'string', description: 'What its authors call it', examples: ['0.1.0'] } as const
const sequence = {
  type: 'integer',
  minimum: 0,
  description: 'Grows with every bundle, so that none can be rolled back unseen',
  examples: [1],
} as const
const time = { type: 'string', examples: ['2026-03-01T09:30:00.000Z'] } as const

const bundleMembers = {
  digest,
  revision,
  sequence,
  state: { enum: ['active', 'held', 'discarded', 'superseded'], examples: ['active'] },
  source: { type: 'string', description: '`push`, `shipped`, or the URL of the source', examples: ['push'] },
  pushedBy: { type: ['string', 'null'], examples: ['ana@example.com'] },
  changedAt: time,
  activatedAt: { ...time, type: ['string', 'null'], description: 'The last time it became active' },
} as const

/** A bundle that the gateway keeps. */
export const bundleSchema = {
  type: 'object',
  additionalProperties: false,
  required: Object.keys(bundleMembers),
  properties: bundleMembers,
} as const

const reportSchema = {
  type: ['object', 'null'],
  description:
    'What the last recorded decisions would become: `{decisions, widened, narrowed, approvals, flips: [{kind, rule, code, before, after, input}]}`; null where nothing was replayed',
  examples: [{ decisions: 120, widened: 1, narrowed: 0, approvals: 0, flips: [] }],
} as const

export const outcomeSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['state', 'digest', 'report'],
  properties: { state: { enum: ['active', 'held'], examples: ['active'] }, digest, report: reportSchema },
} as const

export const policyStateSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['active', 'sequenceFloor', 'history', 'held', 'lastError'],
  properties: {
    active: {
      type: ['object', 'null'],
      additionalProperties: false,
      required: ['revision', 'digest', 'sequence'],
      properties: { revision, digest, sequence },
      description: 'The policy that decides now; null when none was ever activated, and then every answer is deny',
    },
    sequenceFloor: { ...sequence, description: 'The highest sequence ever active; a new bundle may not be below it' },
    history: { type: 'array', items: bundleSchema, description: 'What the gateway keeps, the last change first' },
    held: {
      type: 'array',
      items: {
        ...bundleSchema,
        required: [...bundleSchema.required, 'report'],
        properties: { ...bundleMembers, report: reportSchema },
      },
      description: 'Bundles that wait for another admin',
    },
    lastError: {
      type: ['object', 'null'],
      required: ['code', 'detail', 'source', 'at'],
      properties: {
        code: { type: 'string', examples: ['BUNDLE_UNSIGNED'] },
        detail: { type: 'string', examples: ['.signatures.json is missing'] },
        source: { type: 'string', examples: ['push'] },
        at: time,
      },
      description: 'Why a bundle was refused since the last activation',
    },
  },
} as const

/** A signed checkpoint of the log. */
export const checkpointSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['size', 'root', 'note', 'keyId', 'at'],
  properties: {
    size: { type: 'integer', description: 'How many events it covers', examples: [42] },
    root: { type: 'string', description: 'Root hash (RFC 9162) in hex', examples: ['0'.repeat(64)] },
    note: { type: 'string', description: 'The signed note (c2sp.org/tlog-checkpoint)', examples: ['certlocker/…'] },
    keyId: { type: 'string', description: 'Fingerprint of the key that signed', examples: ['0'.repeat(64)] },
    at: { type: 'string', format: 'date-time', description: 'When it was signed' },
  },
} as const

/** A proof of inclusion (RFC 9162, section 2.1.3). */
export const proofSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['seq', 'leaf', 'treeSize', 'root', 'hashes', 'checkpoint'],
  properties: {
    seq: { type: 'integer', examples: [7] },
    leaf: { type: 'string', description: 'Hash of the event, base64', examples: ['AAAA'] },
    treeSize: { type: 'integer', description: 'Size of the log that the checkpoint signs', examples: [42] },
    root: { type: 'string', description: 'Its root, base64', examples: ['AAAA'] },
    hashes: {
      type: 'array',
      items: { type: 'string' },
      description: 'The path from leaf to root (RFC 9162, section 2.1.3), base64',
      examples: [[]],
    },
    checkpoint: { type: 'string', description: 'The signed note', examples: ['certlocker/…'] },
  },
} as const

/** What a check of the whole log found. */
export const verificationSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['ok', 'size', 'root', 'checkpoint', 'firstBadSeq', 'problem'],
  properties: {
    ok: {
      type: 'boolean',
      description: 'Whether every event, column and checkpoint is as it was appended',
      examples: [true],
    },
    size: { type: 'integer', description: 'How many events there are', examples: [42] },
    root: { type: 'string', description: 'Root hash in hex', examples: ['0'.repeat(64)] },
    checkpoint: { type: ['string', 'null'], description: 'The newest signed checkpoint', examples: ['certlocker/…'] },
    firstBadSeq: {
      type: ['integer', 'null'],
      description: 'The first event that is missing, changed or not covered',
      examples: [null],
    },
    problem: { type: ['string', 'null'], description: 'What is wrong with it', examples: [null] },
  },
} as const

import type { FromSchema } from 'json-schema-to-ts'
import { environments } from '../../kernel/vocabulary.ts'
import { createdProperties, groupNames, groupReferences } from '../resource.schema.ts'
import { probeTargetCharactersMax } from './probe-target.ts'
import { probeVerdicts, reachabilities } from './probe-verdict.ts'

export const probeTarget = {
  type: 'string',
  minLength: 1,
  maxLength: probeTargetCharactersMax,
  description: 'An https URL, or host:port for the TLS handshake alone',
  examples: ['https://edge.example.com/health'],
} as const
export const expectCertificate = {
  type: 'string',
  minLength: 1,
  maxLength: 253,
  pattern: '^[^\\p{Cc}]+$',
  description: 'SHA-256 fingerprint, or name, of the certificate that the endpoint should serve',
  examples: ['edge.example.com'],
} as const
const everySeconds = {
  type: 'integer',
  minimum: 10,
  maximum: 604_800,
  description: 'Look again after so many seconds, give or take a tenth; once when absent',
  examples: [300],
} as const

export const createProbeSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['target', 'groups'],
  properties: { target: probeTarget, groups: { ...groupReferences, minItems: 1 }, expectCertificate, everySeconds },
} as const
export type CreateProbe = FromSchema<typeof createProbeSchema>

export const updateProbeSchema = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  properties: {
    expectCertificate: {
      ...expectCertificate,
      type: ['string', 'null'],
      description: `${expectCertificate.description}; null when any will do`,
    },
    everySeconds: {
      ...everySeconds,
      type: ['integer', 'null'],
      description: 'Look again after so many seconds, give or take a tenth; null to stop',
    },
  },
} as const
export type UpdateProbe = FromSchema<typeof updateProbeSchema>

/** A member that may be absent. */
const text = (description: string, example: string | null) =>
  ({ type: ['string', 'null'], description, examples: [example] }) as const
const count = (description: string, example: number | null) =>
  ({ type: ['number', 'null'], description, examples: [example] }) as const
const flag = (description: string, example: boolean | null) =>
  ({ type: ['boolean', 'null'], description, examples: [example] }) as const
const is = (description: string, example: string) => ({ type: 'string', description, examples: [example] }) as const

const fingerprint = is('SHA-256', 'AB:CD:EF:01')
const notBefore = is('Valid from', '2026-03-01T09:30:00.000Z')
const notAfter = is('Valid until', '2026-05-30T09:30:00.000Z')

const servedCertificate = {
  type: 'object',
  additionalProperties: false,
  required: ['subject', 'issuer', 'sans', 'serial', 'fingerprint', 'notBefore', 'notAfter'],
  properties: {
    subject: is('Subject, on one line', 'CN=edge.example.com'),
    issuer: is('Issuer, on one line', 'CN=Example CA'),
    sans: {
      type: 'array',
      items: { type: 'string' },
      description: 'Subject alternative names',
      examples: [['edge.example.com']],
    },
    serial: is('Serial number, hexadecimal', '04A1'),
    fingerprint,
    notBefore,
    notAfter,
  },
} as const

const orNull = { type: 'null' } as const

const tls = {
  description: 'What the handshake agreed on; null when there was none',
  anyOf: [
    {
      type: 'object',
      additionalProperties: false,
      required: ['version', 'cipher', 'alpn', 'ocspStapled'],
      properties: {
        version: is('Protocol version', 'TLSv1.3'),
        cipher: is('Cipher suite', 'TLS_AES_256_GCM_SHA384'),
        alpn: text('Protocol chosen by ALPN', 'http/1.1'),
        ocspStapled: { type: 'boolean', description: 'Whether an OCSP answer came along', examples: [false] },
      },
    },
    orNull,
  ],
} as const

const chain = {
  description: 'The certificates presented, and whether the gateway knows their root',
  anyOf: [
    {
      type: 'object',
      additionalProperties: false,
      required: ['certificates', 'trusted', 'problem'],
      properties: {
        certificates: { type: 'array', items: servedCertificate, description: "The endpoint's own first" },
        trusted: { type: 'boolean', description: 'Whether a known root vouches for it', examples: [true] },
        problem: text('Why not', null),
      },
    },
    orNull,
  ],
} as const

const expiry = {
  description: "How long the endpoint's own certificate is valid",
  anyOf: [
    {
      type: 'object',
      additionalProperties: false,
      required: ['notBefore', 'notAfter', 'expired', 'secondsLeft'],
      properties: {
        notBefore,
        notAfter,
        expired: { type: 'boolean', description: 'Whether its time is over', examples: [false] },
        secondsLeft: { type: 'integer', description: 'Until notAfter; negative afterwards', examples: [5_184_000] },
      },
    },
    orNull,
  ],
} as const

const probeAddresses = {
  type: 'array',
  description: 'What was seen of each address of the host',
  items: {
    type: 'object',
    additionalProperties: false,
    required: [
      'address',
      'verdict',
      'reachability',
      'tls',
      'chain',
      'expiry',
      'hostnameMatches',
      'httpStatus',
      'hsts',
      'timings',
      'problem',
      'servedMatchesExpected',
    ],
    properties: {
      address: is('IP address', '192.0.2.7'),
      verdict: { enum: probeVerdicts, description: 'What this address amounts to', examples: ['up'] },
      reachability: { enum: reachabilities, description: 'Whether a connection stood', examples: ['reached'] },
      tls,
      chain,
      expiry,
      hostnameMatches: flag('Whether the certificate covers the host', true),
      httpStatus: count('Status of the HTTP answer; redirects are not followed', 200),
      hsts: text('Strict-Transport-Security of the answer', 'max-age=63072000'),
      timings: {
        type: 'object',
        additionalProperties: false,
        required: ['connectMs', 'tlsMs', 'firstByteMs'],
        description: 'Milliseconds of each step by itself',
        properties: {
          connectMs: count('Until the connection stood', 1.2),
          tlsMs: count('Until the handshake was done', 8.4),
          firstByteMs: count('From the request to the first byte of the answer', 3.1),
        },
      },
      problem: text('What went wrong, in a word or two', null),
      servedMatchesExpected: flag('Whether it served the expected certificate; null when none was expected', true),
    },
  },
} as const

const nullableVerdict = { enum: [...probeVerdicts, null], description: 'What the last look came to', examples: ['up'] }
const target = is('Canonical target', 'https://edge.example.com:443/health')

export const probeSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'id',
    'target',
    'groups',
    'environment',
    'expectCertificate',
    'everySeconds',
    'verdict',
    'checkedAt',
    'addresses',
    'createdAt',
    'createdBy',
  ],
  properties: {
    id: is('Id of the probe', 'prb_7h2kq9x0m4c8d1e5f6g3abt2n'),
    target,
    groups: groupNames,
    environment: { enum: [...environments, ''], description: 'The strictest of its groups', examples: ['production'] },
    expectCertificate: text('Fingerprint or name of the certificate that it should serve', null),
    everySeconds: count('Period of a scheduled probe', 300),
    verdict: nullableVerdict,
    checkedAt: text('When it looked last', '2026-03-01T09:30:00.000Z'),
    addresses: probeAddresses,
    ...createdProperties,
  },
} as const

/** What agents are told of a probe. */
export const probeResultSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['probeId', 'target', 'groups', 'verdict', 'checkedAt', 'addresses'],
  properties: {
    probeId: { type: 'string' },
    target: { type: 'string' },
    groups: { type: 'array', items: { type: 'string' } },
    verdict: { enum: probeVerdicts },
    checkedAt: { type: 'string' },
    addresses: probeAddresses,
  },
} as const
export type ProbeToolResult = FromSchema<typeof probeResultSchema>

import type { FromSchema } from 'json-schema-to-ts'
import { environments } from '../../kernel/vocabulary.ts'
import { createdProperties, groupNames, groupReferences } from '../resource.schema.ts'
import { chainBytesMax } from './read-chain.ts'

export const orderStatuses = ['pending', 'ready', 'processing', 'valid', 'invalid'] as const
/** The words of RFC 8555, section 7.1.6. */
export type OrderStatus = (typeof orderStatuses)[number]

const PRIVATE_KEY_BYTES_MAX = 16_384
const DOMAINS_MAX = 100

const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?'

const certificateName = {
  type: 'string',
  pattern: '^[a-z0-9][a-z0-9._-]{0,127}$',
  description: 'Unique name under which agents ask for the certificate; it never changes',
  examples: ['edge.example.com'],
} as const
const domainNames = {
  type: 'array',
  items: { type: 'string', maxLength: 253, pattern: `^(\\*\\.)?(${label}\\.)+${label}$` },
  minItems: 1,
  maxItems: DOMAINS_MAX,
  uniqueItems: true,
  description: 'DNS names that it is to be issued for, in lower case; `*.` in front makes a wildcard',
  examples: [['edge.example.com']],
} as const
const issuer = {
  type: 'string',
  pattern: '^[a-z][a-z0-9-]{0,62}$',
  description: 'Certificate authority, by its name in acme.issuers, or vault-pki; the first one when absent',
  examples: ['letsencrypt'],
} as const
const chain = {
  type: 'string',
  minLength: 1,
  maxLength: chainBytesMax,
  'x-sensitive': true,
  description: 'PEM: the certificate first, then each issuer in turn',
} as const
const privateKey = {
  type: 'string',
  minLength: 1,
  maxLength: PRIVATE_KEY_BYTES_MAX,
  'x-sensitive': true,
  description: 'PEM: the one key of the certificate, without a passphrase',
} as const
const groups = { ...groupReferences, minItems: 1 } as const

/** Either `domains` (and `issuer`) to have one issued, or `chain` and `privateKey` to upload one. */
export const createCertificateSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'groups'],
  properties: { name: certificateName, groups, domains: domainNames, issuer, chain, privateKey },
} as const
export type CreateCertificate = FromSchema<typeof createCertificateSchema>

/** Who may have it, and what its next order is for. */
export const updateCertificateSchema = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  properties: {
    groups,
    domains: domainNames,
    issuer: {
      ...issuer,
      type: ['string', 'null'],
      description: 'Certificate authority that renews it from now on; null when it is not to renew itself',
    },
  },
} as const
export type UpdateCertificate = FromSchema<typeof updateCertificateSchema>

/** Its next version, issued elsewhere. */
export const addCertificateVersionSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['chain', 'privateKey'],
  properties: { chain, privateKey },
} as const
export type AddCertificateVersion = FromSchema<typeof addCertificateVersionSchema>

const text = (description: string, example: string) =>
  ({ type: ['string', 'null'], description, examples: [example] }) as const
const time = (description: string) =>
  ({ type: ['string', 'null'], format: 'date-time', description, examples: ['2026-06-01T09:30:00.000Z'] }) as const
const version = {
  type: ['integer', 'null'],
  description: 'Current version, counted from 0; null until it is issued',
  examples: [0],
} as const
const names = { type: 'array', items: { type: 'string' }, examples: [['edge.example.com']] } as const

const facts = {
  subject: text('Subject', 'CN=edge.example.com'),
  sans: { ...names, description: 'Names that it is for' },
  issuerName: text('Name of the authority that signed it', 'CN=Example CA'),
  serial: text('Serial number, hexadecimal', '04A1'),
  fingerprint: text('SHA-256 of the certificate', 'AB:CD:EF'),
  keyType: text('Kind of its key', 'EC P-256'),
  notBefore: time('When it begins to be valid'),
  notAfter: time('When it ends'),
} as const

/** A certificate as people see it. */
export const certificateSchema = {
  type: 'object',
  required: ['id', 'name', 'groups', 'environment', 'domains', 'version', 'notAfter'],
  properties: {
    id: { type: 'string', description: 'Id', examples: ['crt_7h2kq9x0m4c8d1e5f6g3abt2n'] },
    name: certificateName,
    groups: groupNames,
    environment: { enum: environments, description: 'The strictest of its groups', examples: ['production'] },
    domains: { ...names, description: 'DNS names that it is ordered for' },
    issuer: text('Who issues it; null while it was only uploaded', 'letsencrypt'),
    version,
    ...facts,
    renewAt: time('When the gateway renews it by itself'),
    orderStatus: {
      enum: [...orderStatuses, null],
      description: "Of the order that this request opened or found, in ACME's words",
      examples: ['pending'],
    },
    orderId: text('Id of that order', 'ord_7h2kq9x0m4c8d1e5f6g3abt2n'),
    ...createdProperties,
  },
} as const

/** One version as people see it. */
export const certificateVersionSchema = {
  type: 'object',
  required: ['version', 'fingerprint', 'notAfter', 'chain'],
  properties: {
    version: { type: 'integer', description: 'Counted from 0', examples: [0] },
    issuer: text('Who issued it for this gateway; null when it was uploaded', 'letsencrypt'),
    ...facts,
    chain: { type: 'string', description: 'PEM, leaf first', examples: ['-----BEGIN CERTIFICATE-----'] },
    ...createdProperties,
  },
} as const

/** One order as people see it. */
export const certificateOrderSchema = {
  type: 'object',
  required: ['id', 'version', 'issuer', 'domains', 'orderStatus', 'steps'],
  properties: {
    id: { type: 'string', description: 'Id', examples: ['ord_7h2kq9x0m4c8d1e5f6g3abt2n'] },
    version: { type: 'integer', description: 'The version that it is to become', examples: [1] },
    issuer: { type: 'string', description: 'Certificate authority', examples: ['letsencrypt'] },
    domains: { ...names, description: 'DNS names' },
    orderStatus: { enum: orderStatuses, description: "In ACME's words", examples: ['valid'] },
    problem: text('What the authority objected to, or why it was given up', 'the authority refuses the name'),
    requestedBy: { type: 'string', description: 'Id of who asked for it', examples: ['per_7h2kq9x0m4c8d1e5f6g3abt2n'] },
    decisionId: {
      type: 'string',
      description: 'The decision that allowed it',
      examples: ['dec_7h2kq9x0m4c8d1e5f6g3abt2n'],
    },
    steps: {
      type: 'array',
      description: 'How it went',
      items: {
        type: 'object',
        properties: {
          at: { type: 'string', format: 'date-time', description: 'When', examples: ['2026-03-01T09:30:00.000Z'] },
          status: { enum: orderStatuses, description: 'What it became', examples: ['pending'] },
          note: { type: 'string', description: 'What happened', examples: ['the order is placed'] },
        },
      },
    },
    createdAt: time('When it was opened'),
    finishedAt: time('When it ended'),
  },
} as const

// --- what agents see ---------------------------------------------------------------------------------------------------

export const getCertificateArguments = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: { ...certificateName, description: 'Name of the certificate' },
    includePrivateKey: {
      type: 'boolean',
      description: 'Also the private key, which by default a person has to approve',
    },
  },
} as const
export type GetCertificateArguments = FromSchema<typeof getCertificateArguments>

export const getCertificateResult = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'groups', 'version', 'chain', 'fingerprint', 'subject', 'sans', 'notAfter'],
  properties: {
    name: { type: 'string' },
    groups: { type: 'array', items: { type: 'string' } },
    version: { type: 'integer' },
    chain: { type: 'string', description: 'PEM, leaf first' },
    fingerprint: { type: 'string', description: 'SHA-256 of the certificate' },
    subject: { type: 'string' },
    sans: { type: 'array', items: { type: 'string' } },
    notAfter: { type: 'string' },
    privateKey: { type: 'string', description: 'PEM; only when it was asked for and allowed' },
  },
} as const
export type GetCertificateResult = FromSchema<typeof getCertificateResult>

export const requestCertificateArguments = {
  type: 'object',
  additionalProperties: false,
  properties: {
    name: { ...certificateName, description: 'The certificate to renew' },
    domains: { ...domainNames, description: 'For a new one: its DNS names. With group, in place of name' },
    group: {
      type: 'string',
      pattern: '^[a-z][a-z0-9-]{0,62}$',
      description: 'For a new one: the group that it belongs to, in whose domains its names must lie',
    },
  },
} as const
export type RequestCertificateArguments = FromSchema<typeof requestCertificateArguments>

export const requestCertificateResult = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'orderStatus'],
  properties: {
    name: { type: 'string', description: 'Name of the certificate' },
    orderStatus: { enum: orderStatuses, description: "In ACME's words; call again while it is not valid or invalid" },
    version: { type: 'integer', description: 'The version that was issued' },
    fingerprint: { type: 'string', description: 'Its SHA-256' },
    notAfter: { type: 'string' },
    problem: { type: 'string', description: 'Why the order is invalid, or what it waits for' },
  },
} as const
export type RequestCertificateResult = FromSchema<typeof requestCertificateResult>

import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { describe, expect, test } from 'vitest'
import {
  agentSchema,
  createAgentSchema,
  reasonSchema,
  updateAgentSchema,
} from '../../../src/domain/agents/agent.schema.ts'
import { createGroupSchema, groupSchema, updateGroupSchema } from '../../../src/domain/groups/group.schema.ts'
import { createHostSchema, hostSchema, updateHostSchema } from '../../../src/domain/hosts/host.schema.ts'
import { apiKeySchema, createApiKeySchema } from '../../../src/domain/people/api-key.schema.ts'
import { createPersonSchema, personSchema, updatePersonSchema } from '../../../src/domain/people/person.schema.ts'
import { createTokenSchema, tokenSchema } from '../../../src/domain/tokens/token.schema.ts'

const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true })
addFormats.default(ajv)

const requests = {
  createAgentSchema,
  updateAgentSchema,
  reasonSchema,
  createGroupSchema,
  updateGroupSchema,
  createHostSchema,
  updateHostSchema,
  createApiKeySchema,
  createPersonSchema,
  updatePersonSchema,
  createTokenSchema,
}
const resources = { agentSchema, groupSchema, hostSchema, apiKeySchema, personSchema, tokenSchema }

interface Property {
  readonly description?: unknown
  readonly examples?: readonly unknown[]
}

describe.each(Object.entries({ ...requests, ...resources }))('%s', (_, schema) => {
  const properties: [string, Property][] = Object.entries(schema.properties)

  test.each(properties)('explains %s and gives an example that fits it', (_name, property) => {
    expect(property.description).toEqual(expect.stringMatching(/^\S.{8,}/))
    expect(property.examples?.length).toBeGreaterThan(0)
    const check = ajv.compile(property)
    for (const example of property.examples ?? []) {
      check(example)
      expect(check.errors).toBeNull()
    }
  })

  test('refuses members it does not know', () => {
    expect(schema.additionalProperties).toBe(false)
  })
})

describe.each(Object.entries(requests))('%s', (_, schema) => {
  test('bounds every text, list and number', () => {
    expect(unbounded(schema)).toEqual([])
  })
})

const host = {
  name: 'edge-1',
  address: '10.0.0.7',
  groups: ['edge'],
  principals: ['deploy'],
  modes: ['exec'],
  hostKeys: ['ssh-ed25519 AAAA'],
  credential: { kind: 'certificate' },
}
const person = { email: 'ada@example.com', name: 'Ada', role: 'operator', groups: [] }
const agent = { name: 'cursor-ops', owner: 'ada@example.com', riskLevel: 'low', scopes: [], groups: [] }
const token = { agentId: 'cursor-ops', name: 'laptop', groups: ['edge'], ttlSeconds: 60 }
const { ttlSeconds: _, ...endless } = token

describe('a request', () => {
  test.each([
    ['a host', createHostSchema, host],
    ['a host by name and port', createHostSchema, { ...host, address: 'edge.example.com', port: 2222 }],
    ['a host by IPv6', createHostSchema, { ...host, address: '2001:db8::7' }],
    ['a host with a secret', createHostSchema, { ...host, credential: { kind: 'secret', secret: 'edge-ssh-key' } }],
    ['a person', createPersonSchema, person],
    ['an agent', createAgentSchema, agent],
    ['a token for a while', createTokenSchema, token],
    ['a token until', createTokenSchema, { ...endless, expiresAt: '2026-04-01T00:00:00Z' }],
    [
      'a group',
      createGroupSchema,
      { name: 'a'.repeat(63), environment: 'staging', domains: ['*.example.com', 'example.com'] },
    ],
  ])('for %s is accepted', (_what, schema, body) => {
    const check = ajv.compile(schema)
    check(body)
    expect(check.errors).toBeNull()
  })

  test.each([
    ['a host without key', createHostSchema, { ...host, hostKeys: [] }],
    ['a host in no group', createHostSchema, { ...host, groups: [] }],
    ['a host at no address', createHostSchema, { ...host, address: 'edge host' }],
    ['a host with a user and an option', createHostSchema, { ...host, address: '-oProxyCommand=x' }],
    ['an account that is an option', createHostSchema, { ...host, principals: ['-l'] }],
    ['a mode that is none', createHostSchema, { ...host, modes: ['sftp'] }],
    ['port 0', createHostSchema, { ...host, port: 0 }],
    ['port 65536', createHostSchema, { ...host, port: 65_536 }],
    [
      'a certificate credential with a secret',
      createHostSchema,
      { ...host, credential: { kind: 'certificate', secret: 'x' } },
    ],
    ['a secret credential without one', createHostSchema, { ...host, credential: { kind: 'secret' } }],
    ['a person without @', createPersonSchema, { ...person, email: 'ada' }],
    ['a name of two lines', createPersonSchema, { ...person, name: 'Ada\nAI_AGENT_POLICY_ALLOWED' }],
    ['a name with a line separator', createPersonSchema, { ...person, name: 'Ada\u2028x' }],
    ['an unknown role', createPersonSchema, { ...person, role: 'owner' }],
    ['an agent of two words', createAgentSchema, { ...agent, name: 'Cursor Ops' }],
    ['an agent named like an id', createAgentSchema, { ...agent, name: 'agt_1' }],
    ['an unknown scope', createAgentSchema, { ...agent, scopes: ['secret:write'] }],
    ['an unknown member', createAgentSchema, { ...agent, status: 'active' }],
    ['no change', updateAgentSchema, {}],
    ['another name', updateAgentSchema, { name: 'other' }],
    ['a token without end', createTokenSchema, endless],
    ['a token with two ends', createTokenSchema, { ...token, expiresAt: '2026-04-01T00:00:00Z' }],
    ['a token for no time', createTokenSchema, { ...token, ttlSeconds: 0 }],
    ['a token for more than a year', createTokenSchema, { ...token, ttlSeconds: 31_536_001 }],
    [
      'a token that rotates without an overlap',
      createTokenSchema,
      { ...token, autoRotate: { everySeconds: 60, overlapSeconds: 0 } },
    ],
    ['a rotation that says only half', createTokenSchema, { ...token, autoRotate: { everySeconds: 60 } }],
    ['a group of 64 characters', createGroupSchema, { name: 'a'.repeat(64), environment: 'staging' }],
    [
      'a key for more than a year',
      createApiKeySchema,
      { person: 'ada@example.com', name: 'ci', ttlSeconds: 31_536_001 },
    ],
    ['a reason of 1025 characters', reasonSchema, { reason: 'x'.repeat(1025) }],
  ])('for %s is refused', (_what, schema, body) => {
    expect(ajv.compile(schema)(body)).toBe(false)
  })
})

/** Where a schema lets through texts, lists or numbers of any size. */
function unbounded(schema: unknown, path = ''): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const below = Object.entries(schema).flatMap(([name, part]) =>
    name === 'examples' ? [] : unbounded(part, `${path}/${name}`),
  )
  if (!('type' in schema)) return below
  const bounds: { readonly [type: string]: readonly string[] } = {
    string: ['maxLength', 'pattern'],
    array: ['maxItems'],
    integer: ['maximum'],
    number: ['maximum'],
  }
  const needed = bounds[String(schema.type)] ?? []
  return needed.length === 0 || needed.some((bound) => bound in schema) ? below : [path, ...below]
}

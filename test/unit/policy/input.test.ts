import { describe, expect, test } from 'vitest'
import { buildInput, type InputFacts, strictestEnvironment } from '../../../src/policy/input.ts'
import { inputStringMax } from '../../../src/policy/input.schema.ts'
import { inputProblem } from '../../../src/policy/input-check.ts'

const known: InputFacts = {
  call: {
    id: 'dec_1',
    action: 'secret.read',
    tool: '',
    digest: '',
    attempt: 1,
    unixMs: Date.UTC(2026, 10, 22, 23, 59),
  },
  timeZone: 'UTC',
  principal: { kind: 'agent', id: 'agt_1', name: 'cursor-ops' },
}

const timeIn = (timeZone: string, unixMs: number) =>
  buildInput({ ...known, call: { ...known.call, unixMs }, timeZone }).call.time

test('what is not known is present and empty, never null', () => {
  const input = buildInput(known)
  expect(inputProblem(input)).toBeUndefined()
  expect(input.token).toEqual({
    id: '',
    groups: [],
    scopes: [],
    expiresUnixMs: 0,
    cidrs: [],
    cidrMatched: false,
    singleUse: false,
    spent: false,
  })
  expect(input.approval).toEqual({
    status: 'none',
    id: '',
    callDigest: '',
    approvers: [],
    quorum: 0,
    useBeforeUnixMs: 0,
  })
  expect(JSON.stringify(input)).not.toContain('null')
})

describe('the time of a call', () => {
  test('is told in the zone of the policy, across midnight and daylight saving', () => {
    const sundayNight = Date.UTC(2026, 10, 22, 23, 59)
    expect(timeIn('UTC', sundayNight)).toEqual({ unixMs: sundayNight, weekday: 'sunday', hour: 23, minute: 59 })
    expect(timeIn('Asia/Kolkata', sundayNight)).toMatchObject({ weekday: 'monday', hour: 5, minute: 29 })
    const springForward = Date.UTC(2026, 2, 29, 1, 0)
    expect(timeIn('Europe/Berlin', springForward - 1)).toMatchObject({ weekday: 'sunday', hour: 1, minute: 59 })
    expect(timeIn('Europe/Berlin', springForward)).toMatchObject({ weekday: 'sunday', hour: 3, minute: 0 })
  })

  test('says hour 0 at midnight, and follows the minute', () => {
    const midnight = Date.UTC(2026, 0, 1)
    expect(timeIn('UTC', midnight)).toMatchObject({ hour: 0, minute: 0 })
    expect(timeIn('UTC', midnight + 59_999)).toMatchObject({ hour: 0, minute: 0 })
    expect(timeIn('UTC', midnight + 60_000)).toMatchObject({ hour: 0, minute: 1 })
  })
})

test('sets are sorted and without duplicates; an argv keeps its order', () => {
  const input = buildInput({
    ...known,
    principal: { ...known.principal, groups: ['prod', 'edge', 'prod'] },
    derived: { command: { argv: ['rm', '-r', '-r', 'a'] } },
  })
  expect(input.principal.groups).toEqual(['edge', 'prod'])
  expect(input.derived.command.argv).toEqual(['rm', '-r', '-r', 'a'])
})

test('a text that describes is cut at the bound, never inside a code point', () => {
  const name = `${'a'.repeat(inputStringMax - 1)}\u{1f512}`
  const input = buildInput({ ...known, client: { name, version: 'v\ud800' } })
  expect(input.client.name).toBe('a'.repeat(inputStringMax - 1))
  expect(input.client.version).toBe('v\ufffd')
  expect(buildInput({ ...known, client: { name: 'a'.repeat(inputStringMax) } }).client.name).toHaveLength(
    inputStringMax,
  )
})

test.each<[string, Partial<InputFacts>]>([
  ['a name', { resource: { type: 'secret', name: 'a'.repeat(inputStringMax + 1), exists: false } }],
  ['a path', { derived: { url: { path: `/${'a'.repeat(inputStringMax)}` } } }],
  ['an argument of a command', { derived: { command: { argv: ['a'.repeat(inputStringMax + 1)] } } }],
  [
    'the number of names asked for',
    { derived: { domains: Array.from({ length: 1025 }, (_, index) => `${index}.example`) } },
  ],
  ['a name with a lone surrogate', { resource: { type: 'secret', name: '\ud800', exists: false } }],
])('%s that a rule compares is not cut: past the bound the input is unfit', (_, facts) => {
  expect(inputProblem(buildInput({ ...known, ...facts }))).toBeDefined()
})

test('a group whose name is past the bound gives nothing, rather than the group of the cut name', () => {
  const groups = ['edge', 'a'.repeat(inputStringMax + 1)]
  expect(buildInput({ ...known, principal: { ...known.principal, groups } }).principal.groups).toEqual(['edge'])
})

test('the strictest environment of several groups binds', () => {
  expect(strictestEnvironment(['development', 'production', 'staging'])).toBe('production')
  expect(strictestEnvironment(['development', 'staging'])).toBe('staging')
  expect(strictestEnvironment(['', 'development'])).toBe('development')
  expect(strictestEnvironment([])).toBe('')
})

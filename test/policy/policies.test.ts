import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { coverageThreshold } from '../../src/cli/policy/rego-tests.ts'
import { testPolicies } from '../../src/cli/policy/test.ts'
import { buildInput } from '../../src/policy/input.ts'

const created: string[] = []

afterEach(async () => {
  for (const directory of created.splice(0)) await rm(directory, { recursive: true, force: true })
})

async function directoryWith(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'certlocker-company-'))
  created.push(directory)
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true })
    await writeFile(join(directory, name), text)
  }
  return directory
}

const rule = `package custom.acme

# METADATA
# title: Secrets are not read on Sundays
deny contains {"code": "ACME_SUNDAY", "title": "Secrets are not read on Sundays"} if {
	input.call.action == "secret.read"
	input.call.time.weekday == "sunday"
}
`

const ruleTest = `package custom.acme_test

import data.custom.acme

test_sunday if {
	count(acme.deny) == 1 with input as {"call": {"action": "secret.read", "time": {"weekday": "sunday"}}}
}
`

const call = buildInput({
  call: { id: 'dec_1', action: '', tool: '', digest: '', attempt: 1, unixMs: 0 },
  timeZone: 'UTC',
  principal: { kind: 'agent', id: '', name: '' },
})

describe('the shipped policy', () => {
  test('passes its Rego tests with coverage, and its vectors alike on WASM and on opa eval', {
    timeout: 120_000,
  }, async () => {
    const report = await testPolicies([])
    expect(report.failures).toEqual([])
    expect(report.coverage).toBeGreaterThanOrEqual(coverageThreshold)
    expect(report.vectors).toBeGreaterThanOrEqual(60)
    expect(report.regoTests).toBeGreaterThanOrEqual(60)
  })
})

describe("a company's policy", () => {
  test('is proven by its own tests', { timeout: 60_000 }, async () => {
    const directory = await directoryWith({ 'acme.rego': rule, 'acme_test.rego': ruleTest })
    const passed = [{ suite: join(directory, 'acme_test.rego'), name: 'test_sunday', seconds: expect.any(Number) }]
    expect(await testPolicies([directory])).toEqual({ regoTests: 1, coverage: 100, vectors: 0, passed, failures: [] })
  })

  test('fails by name and place when a Rego test fails', { timeout: 60_000 }, async () => {
    const directory = await directoryWith({
      'acme.rego': rule,
      'acme_test.rego': ruleTest.replace('"sunday"', '"monday"'),
    })
    const { failures } = await testPolicies([directory])
    const where = `${join(directory, 'acme_test.rego')}:5`
    expect(failures).toMatchObject([{ kind: 'rego', where, what: 'test_sunday' }])
  })

  test('fails when too few of its lines are tested', { timeout: 60_000 }, async () => {
    const untested = `${rule}\n_never := 1 if input.call.action == "x"\n`
    const directory = await directoryWith({ 'acme.rego': untested, 'acme_test.rego': ruleTest })
    const { failures } = await testPolicies([directory])
    expect(failures).toMatchObject([{ kind: 'coverage', what: expect.stringContaining('acme.rego:10') }])
  })

  test('fails without any test', { timeout: 60_000 }, async () => {
    const { failures } = await testPolicies([await directoryWith({ 'acme.rego': rule })])
    expect(failures).toMatchObject([{ kind: 'rego', what: 'there is no test' }])
  })

  test.each([
    ['another effect', { effect: 'allow', codes: [] }, 'expected allow [], got deny [SCOPE_MISSING]'],
    [
      'another code',
      { effect: 'deny', codes: ['ACME_SUNDAY'] },
      'expected deny [ACME_SUNDAY], got deny [SCOPE_MISSING]',
    ],
    ['another title', { effect: 'deny', codes: ['SCOPE_MISSING'], title: 'No' }, 'expected the title "No"'],
    [
      'another obligation',
      { effect: 'deny', codes: ['SCOPE_MISSING'], obligations: [{ type: 'use_only' }] },
      'expected obligations',
    ],
    ['another approval', { effect: 'deny', codes: ['SCOPE_MISSING'], approval: { quorum: 2 } }, 'expected approval'],
  ])('fails a vector that expects %s', { timeout: 60_000 }, async (_, expected, what) => {
    const directory = await directoryWith({
      'acme.rego': rule,
      'acme_test.rego': ruleTest,
      'fixtures/all.json': JSON.stringify({ call, principals: { nobody: {} }, resources: { none: {} } }),
      'vectors/acme.json': JSON.stringify({
        about: 'x',
        vectors: [{ name: 'one', principal: 'nobody', action: 'secret.read', resource: 'none', expect: expected }],
      }),
    })
    const { failures } = await testPolicies([directory])
    expect(failures).toMatchObject([{ kind: 'vector', where: expect.stringContaining('acme.json: one') }])
    expect(failures[0]?.what).toContain(what)
  })

  test.each([
    ['names a principal that no fixture describes', { principal: 'ghost' }, 'ghost'],
    ['makes an input that is none', { facts: { principal: { kind: 'ghost' } } }, 'input/principal/kind'],
    ['has a member that no vector has', { principle: 'nobody' }, 'is not of the form'],
  ])('refuses a vector that %s', { timeout: 60_000 }, async (_, flaw, what) => {
    const vector = {
      name: 'one',
      principal: 'nobody',
      action: 'x',
      resource: 'none',
      expect: { effect: 'deny', codes: [] },
      ...flaw,
    }
    const directory = await directoryWith({
      'acme.rego': rule,
      'acme_test.rego': ruleTest,
      'fixtures/all.json': JSON.stringify({ call, principals: { nobody: {} }, resources: { none: {} } }),
      'vectors/acme.json': JSON.stringify({ about: 'x', vectors: [vector] }),
    })
    const { failures } = await testPolicies([directory])
    expect(failures).toMatchObject([{ kind: 'vector', what: expect.stringContaining(what) }])
  })
})

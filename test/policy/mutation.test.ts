import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { mutatePolicies } from '../../src/cli/policy/mutation/mutate.ts'
import { isClean, mutationText } from '../../src/cli/policy/mutation/mutation-text.ts'
import { mutationsOf } from '../../src/cli/policy/mutation/mutations.ts'
import { parseTree } from '../../src/cli/policy/mutation/source-tree.ts'

const created: string[] = []

afterEach(() => {
  for (const directory of created.splice(0)) rmSync(directory, { recursive: true, force: true })
})

function directoryWith(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'certlocker-mutation-'))
  created.push(directory)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
  return directory
}

async function changesOf(body: string): Promise<string[]> {
  const source = `package custom.acme\n\n${body}\n`
  const path = join(directoryWith({ 'acme.rego': source }), 'acme.rego')
  return mutationsOf(source, await parseTree(path)).map(({ line, change }) => `${line} ${change}`)
}

describe('the mutations of a rule', () => {
  test.each([
    ['a comparison', '_a if input.call.attempt <= 3', ['<= → <', '<= → >', '3 → 4']],
    ['an equation', '_a if input.call.id == "x"', ['== → !=', '"x" → "x~"']],
    ['a condition', '_a if input.mode', ['without input.mode', 'input.mode → not input.mode', 'the rule never holds']],
    ['a negation', '_a if not input.mode', ['not input.mode → input.mode']],
    ['a set', '_a := {"x", "y"}', ['without "x"', 'without "y"']],
    ['the only member', '_a := ["x"]', ['without "x"']],
    ['an object', '_a := {"k": 1}', ['without "k": 1', '1 → 2']],
    ['a truth', '_a := true', ['true → false']],
    ['sets together', '_a := {1} | {2}', ['| → &']],
    [
      'every',
      '_a if {\n\tevery x in input.principal.groups {\n\t\tx == "a"\n\t}\n}',
      ['every x in input.principal.groups → some'],
    ],
  ])('change %s', async (_, body, changes) => {
    const found = await changesOf(body)
    expect(found.map((one) => one.replace(/^\d+ /u, ''))).toEqual(expect.arrayContaining(changes))
  })

  test('leave METADATA and names alone', async () => {
    expect(await changesOf('# METADATA\n# title: "x" == 1\n_a := input.call.id')).toEqual([])
  })

  test('say the line of a member, not of the set that holds it', async () => {
    expect(await changesOf('_a := {\n\t"x",\n\t"y",\n}')).toContain('5 without "y"')
  })
})

const rule = `package custom.acme

# METADATA
# title: No third attempt
deny contains {"code": "ACME_ATTEMPTS", "title": "No third attempt"} if {
	input.call.action == "secret.read"
	input.call.attempt > 2
}
`

const whole = `package custom.acme_test

import data.custom.acme

asked(action, attempt) := found if {
	found := acme.deny with input as {"call": {"action": action, "attempt": attempt}}
}

test_attempts if {
	asked("secret.read", 2) == set()
	asked("secret.read", 3) == {{"code": "ACME_ATTEMPTS", "title": "No third attempt"}}
	asked("host.list", 3) == set()
}
`

describe('policy mutate', { timeout: 60_000 }, () => {
  test('finds nothing where every change of a rule changes an answer that is expected', async () => {
    const report = await mutatePolicies([directoryWith({ 'acme.rego': rule, 'acme_test.rego': whole })], () => {})
    if (!report.ok) throw new Error(report.error)
    expect(report.value).toMatchObject({ survivors: [], stale: [] })
    expect(report.value.killed).toBeGreaterThanOrEqual(10)
    expect(report.value.killed).toBe(report.value.mutants)
    expect(isClean(report.value)).toBe(true)
  })

  test('names the place, the change and why it survived, of each that no test notices', async () => {
    const boundary = whole.replace('\tasked("secret.read", 2) == set()\n', '')
    const directory = directoryWith({ 'acme.rego': rule, 'acme_test.rego': boundary })
    const told: number[] = []
    const report = await mutatePolicies([directory], (done, of) => told.push(of - done))
    if (!report.ok) throw new Error(report.error)
    expect(report.value.survivors).toContainEqual({
      path: join(directory, 'acme.rego'),
      file: 'custom/acme.rego',
      line: 7,
      source: 'input.call.attempt > 2',
      change: '> → >=',
      why: 'tests reach this line, but none expects an answer that depends on it',
    })
    expect(isClean(report.value)).toBe(false)
    expect(mutationText(report.value)).toContain(`${join(directory, 'acme.rego')}:7: survived: > → >=\n`)
    expect(told.at(-1)).toBe(0)
  })

  test('lets an explained one survive, and objects to an explanation of none', async () => {
    const boundary = whole.replace('"secret.read", 2', '"secret.read", 1')
    const one = { file: 'custom/acme.rego', source: 'input.call.attempt > 2', reason: 'Two is as good as three.' }
    const explanations = ['> → >=', '> → <', 'without input.call.attempt > 2'].map((change) => ({ ...one, change }))
    const files = { 'acme.rego': rule, 'acme_test.rego': boundary }
    const directory = directoryWith({ ...files, 'survivors.json': JSON.stringify(explanations) })
    const report = await mutatePolicies([directory], () => {})
    if (!report.ok) throw new Error(report.error)
    expect(report.value.survivors.filter(({ explained }) => explained !== undefined)).toHaveLength(1)
    expect(report.value.stale.map(({ change }) => change)).toEqual(['> → <', 'without input.call.attempt > 2'])
    expect(isClean(report.value)).toBe(false)
  })

  test('asks for whole tests first', async () => {
    const broken = whole.replace('"ACME_ATTEMPTS"', '"ACME_OTHER"')
    const report = await mutatePolicies([directoryWith({ 'acme.rego': rule, 'acme_test.rego': broken })], () => {})
    expect(report).toEqual({ ok: false, error: expect.stringContaining('The tests fail without any change') })
  })

  test('refuses a list of survivors without reasons', async () => {
    const list = JSON.stringify([{ file: 'a', source: 'b', change: 'c' }])
    const report = await mutatePolicies([directoryWith({ 'acme.rego': rule, 'survivors.json': list })], () => {})
    expect(report).toEqual({ ok: false, error: expect.stringContaining("must have required property 'reason'") })
  })
})

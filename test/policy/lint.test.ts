import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { initRepository } from '../../src/cli/policy/init.ts'
import { lintPolicies } from '../../src/cli/policy/lint.ts'
import { goTools, obtainGoTool } from '../components/go-tool.ts'
import { exercised } from '../support/components.ts'

const regal = await obtainGoTool(goTools.regal)
const created: string[] = []

afterEach(async () => {
  for (const directory of created.splice(0)) await rm(directory, { recursive: true, force: true })
})

async function lintOf(files: Readonly<Record<string, string>>): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'certlocker-lint-'))
  created.push(directory)
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true })
    await writeFile(join(directory, name), text)
  }
  const findings = await lintPolicies([directory])
  return findings.map(({ file, line, check, why }) => `${relative(directory, file)}:${line} ${check}: ${why}`)
}

const clean = `package custom.acme

# METADATA
# title: Secrets are read in office hours only
deny contains {"code": "ACME_OFFICE_HOURS", "title": "Secrets are read in office hours only"} if {
	input.call.action == "secret.read"
	not _office_hours
}

_office_hours if input.call.time.hour in numbers.range(8, 17)
`

function rego(body: string): string {
  return `package custom.acme\n\n${body}`
}

const titled = '# METADATA\n# title: A rule\n'

describe('policy lint', () => {
  test('finds nothing in the shipped policy', { timeout: 60_000 }, async () => {
    expect(await lintPolicies([])).toEqual([])
  })

  test("finds nothing in a company's rule as the documentation writes it", { timeout: 60_000 }, async () => {
    expect(await lintOf({ 'acme.rego': clean })).toEqual([])
  })

  test.each([
    [
      'a file that opa fmt would write otherwise',
      clean.replace('\tnot _off', '  not _off'),
      '1 format: the file is not formatted',
    ],
    ['a file that cannot be parsed', rego('deny contains {\n'), '4 compile: '],
    [
      'a misspelt field of the input',
      clean.replace('call.action', 'call.acton'),
      '6 compile: undefined ref: input.call.acton',
    ],
    ['sprintf', rego('_text := sprintf("%d", [1])\n'), '3 compile: undefined function sprintf'],
    ['a clock', rego('_now := time.now_ns()\n'), '3 compile: undefined function time.now_ns'],
    [
      'the network',
      rego('_answer := http.send({"url": "https://example.com"})\n'),
      '3 compile: undefined function http.send',
    ],
    ['a template string', rego('_text := $"{input.call.id}"\n'), '3 compile: '],
    ['an unused variable', rego('_one := 1 if x := 2\n'), '3 compile: assigned var x unused'],
    [
      'a rule that reads the decision',
      rego(
        '_loop := data.certlocker.main.decision\n\n' +
          titled +
          'deny contains {"code": "ACME_LOOP", "title": "x"} if _loop\n',
      ),
      'recursive',
    ],
    [
      'a package one level too deep',
      clean.replace('custom.acme', 'custom.acme.team1'),
      '1 package: package custom.acme.team1',
    ],
    [
      'a package that is not custom',
      clean.replace('custom.acme', 'certlocker.rules.acme'),
      '1 package: package certlocker.rules.acme',
    ],
    ['a misspelt set', clean.replace('deny contains', 'denny contains'), '5 rule-name: denny is none of deny'],
    ['a helper without underscore', clean.replaceAll('_office_hours', 'office_hours'), '10 rule-name: office_hours'],
    ['a set that is true', rego(`${titled}deny if input.call.action == "x"\n`), '5 rule-shape: deny is not a set'],
    [
      'a rule without METADATA',
      rego('deny contains {"code": "ACME_ONE", "title": "x"} if input.call.action == "x"\n'),
      '3 metadata: this deny rule has no title',
    ],
    [
      'a reason without code',
      rego(`${titled}deny contains {"title": "x"} if input.call.action == "x"\n`),
      '5 code: this deny rule states no code',
    ],
    ['a code in lower case', clean.replace('ACME_OFFICE_HOURS', 'office'), '5 code: office is not a code'],
    [
      'a code of a shipped rule',
      clean.replace('ACME_OFFICE_HOURS', 'GROUP_MISMATCH'),
      '5 code: GROUP_MISMATCH is already the code of',
    ],
    [
      'a code used twice',
      `${clean}\n${titled}deny contains {"code": "ACME_OFFICE_HOURS", "title": "x"} if input.call.action == "x"\n`,
      '14 code: ACME_OFFICE_HOURS is already the code of',
    ],
  ])('finds %s', { timeout: 60_000 }, async (_, source, finding) => {
    expect(await lintOf({ 'acme.rego': source })).toContainEqual(expect.stringContaining(finding))
  })

  test.each([
    [
      'an unknown tunable',
      { approvalExempt: [] },
      'certlocker/config/data.json:1 configuration: approvalExempt is not a tunable',
    ],
    [
      'a tunable of another form',
      { approvalExemptGroups: 'lab' },
      'approvalExemptGroups is a string where a list is needed',
    ],
  ])('finds %s', { timeout: 60_000 }, async (_, config, finding) => {
    const findings = await lintOf({ 'certlocker/config/data.json': JSON.stringify(config) })
    expect(findings).toContainEqual(expect.stringContaining(finding))
  })

  test.each([
    ['a code that is not listed', 'ACME_OTHER retired: gone\n', 'acme.rego:5 code: ACME_OFFICE_HOURS is not listed'],
    [
      'a code that was renamed or whose rule is gone',
      '# ours\nACME_OFFICE_HOURS\nACME_OTHER\n',
      'codes.txt:3 code: no rule states ACME_OTHER any more',
    ],
    [
      'a retired code that is used again',
      'ACME_OFFICE_HOURS retired: the office is gone\n',
      'acme.rego:5 code: ACME_OFFICE_HOURS is retired',
    ],
  ])('finds %s', { timeout: 60_000 }, async (_, codes, finding) => {
    expect(await lintOf({ 'policies/custom/acme/acme.rego': clean, 'policies/codes.txt': codes })).toEqual([
      expect.stringContaining(finding),
    ])
  })

  test('finds nothing where every code is listed or retired', { timeout: 60_000 }, async () => {
    const codes = 'ACME_OTHER retired: gone\nACME_OFFICE_HOURS\n'
    expect(await lintOf({ 'acme.rego': clean, 'codes.txt': codes })).toEqual([])
  })

  test('finds METADATA that describes a rule by half', { timeout: 60_000 }, async () => {
    const half = clean.replace('# title: Secrets', '# custom:\n#   severity: low\n# title: Secrets')
    expect(await lintOf({ 'acme.rego': half })).toEqual([
      'acme.rego:7 metadata: the METADATA of this deny rule has no code',
      'acme.rego:7 metadata: the METADATA of this deny rule has no remedy',
    ])
  })

  test.each([
    ['sprintf("%d", [1])', 'Use `concat`'],
    ['time.now_ns()', 'Use input.call.time'],
    ['http.send({"url": ""})', 'a decision asks nobody'],
    ['regex.split("a", "b")', 'Use `split`'],
    ['units.parse("1K")', 'ask for it as a field of `derived`'],
  ])('names what to write instead of %s', { timeout: 60_000 }, async (call, alternative) => {
    const directory = await mkdtemp(join(tmpdir(), 'certlocker-lint-'))
    created.push(directory)
    await writeFile(join(directory, 'acme.rego'), rego(`_value := ${call}\n`))
    expect((await lintPolicies([directory])).map(({ fix }) => fix)).toEqual([expect.stringContaining(alternative)])
  })

  describe('with Regal on PATH', () => {
    const path = process.env['PATH']
    afterEach(() => {
      process.env['PATH'] = path
    })

    describe.skipIf(typeof regal === 'string')('that is real,', () => {
      beforeEach(() => {
        process.env['PATH'] = `${typeof regal === 'string' ? '' : dirname(regal.path)}:${path}`
      })

      test('finds nothing in the shipped policy and its tests, nor in a fresh repository', {
        timeout: 60_000,
      }, async () => {
        expect(await lintPolicies([])).toEqual([])
        const directory = await mkdtemp(join(tmpdir(), 'certlocker-lint-'))
        created.push(directory)
        await initRepository('acme', directory)
        expect(await lintPolicies([directory])).toEqual([])
      })

      test.each([
        [
          'its own rules',
          clean.replace('not _office_hours', 'not _office_hours\n\t1 == 1'),
          '8 regal: bugs/constant-condition: ',
        ],
        [
          'our rule about sets',
          rego(`${titled}permit contains "a" if input.call.action == "secret.read"\n`),
          '5 regal: certlocker/contribution-set: ',
        ],
        [
          'our rule about packages',
          clean.replace('custom.acme', 'custom.acme.eu'),
          '1 regal: certlocker/package-depth: ',
        ],
      ])('tells what %s object to, and where', { timeout: 60_000 }, async (_whose, text, finding) => {
        expect(await lintOf({ 'acme.rego': text })).toContainEqual(expect.stringContaining(`acme.rego:${finding}`))
        exercised('regal')
      })
    })

    test('does not pass over a Regal that does not work', { timeout: 60_000 }, async () => {
      const tools = await mkdtemp(join(tmpdir(), 'certlocker-regal-'))
      created.push(tools)
      await writeFile(join(tools, 'regal'), '#!/bin/sh\necho broken >&2; exit 1\n', { mode: 0o755 })
      process.env['PATH'] = `${tools}:${path}`
      await expect(lintOf({ 'acme.rego': clean })).rejects.toThrow(
        'regal, which is on PATH, does not work: broken. Install Regal',
      )
    })
  })
})

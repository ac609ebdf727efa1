import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { disappointment } from '../../src/cli/policy/disappointment.ts'
import { testOutput } from '../../src/cli/policy/test-formats.ts'
import type { TestReport } from '../../src/cli/policy/test-report.ts'
import { statedVectors } from '../../src/cli/policy/vector-file.ts'
import { onEveryChange, type Watcher } from '../../src/cli/policy/watch.ts'
import type { Decision } from '../../src/policy/decision.schema.ts'

const row = { principals: ['a', 'b'], resources: ['x'], actions: { read: 'deny GROUP_MISMATCH SCOPE_MISSING' } }
const matrix = { name: 'm', principals: ['a', 'b'], resources: ['x'], actions: ['read'], expected: [row] }

describe('a matrix of expectations', () => {
  test('is a vector for every principal, action and resource, with the facts of the matrix', () => {
    const facts = { call: { attempt: 2 } }
    expect(statedVectors({ about: '', matrix: [{ ...matrix, facts }] })).toEqual({
      ok: true,
      value: ['a', 'b'].map((principal) => ({
        name: `m: ${principal} read x`,
        principal,
        action: 'read',
        resource: 'x',
        facts,
        expect: { effect: 'deny', codes: ['GROUP_MISMATCH', 'SCOPE_MISSING'] },
      })),
    })
  })

  test.each([
    ['leaves an answer open', { ...matrix, actions: ['read', 'use'] }, '"m" does not say what a use x is answered'],
    ['gives two answers', { ...matrix, expected: [row, row] }, '"m" expects two answers for a read x'],
    [
      'answers what is not asked',
      { ...matrix, principals: ['a'] },
      '"m" expects an answer for b read x, which its lists do not hold',
    ],
  ])('is refused when it %s', (_, wrong, error) => {
    expect(statedVectors({ about: '', matrix: [wrong] })).toEqual({ ok: false, error })
  })
})

const decision: Decision = {
  schema: 'certlocker.decision/v1',
  inputSchema: 'certlocker.input/v1',
  callId: 'dec_1',
  effect: 'deny',
  reasons: [
    { code: 'A_CODE', title: 'No', severity: 'low', rule: 'custom.acme', details: {}, visibility: 'agent' },
    { code: 'B_CODE', title: 'No', severity: 'low', rule: 'certlocker.main', details: {}, visibility: 'agent' },
  ],
  obligations: [{ type: 'use_only', properties: {} }],
  approval: { groups: [], roles: [], quorum: 0, useSeconds: 0 },
  labels: {},
}

test('a failing vector shows line by line what is expected, what is missing and what is too much', () => {
  expect(disappointment({ effect: 'allow', codes: ['A_CODE', 'C_CODE'] }, decision)?.diff).toEqual([
    '+ effect: deny',
    '  code: A_CODE  (custom.acme)',
    '+ code: B_CODE  (certlocker.main)',
    '+ obligation: {"properties":{},"type":"use_only"}',
    '- effect: allow',
    '- code: C_CODE',
  ])
})

describe('a report as JUnit XML', () => {
  const failure = {
    kind: 'vector',
    suite: 'b.json',
    name: 'two',
    where: 'b.json: two',
    what: '<"&">',
    diff: ['+ a\u0001'],
  }
  const report: TestReport = {
    regoTests: 1,
    vectors: 1,
    coverage: 100,
    passed: [{ suite: 'a_test.rego', name: 'test_one: x & y', seconds: 0.25 }],
    failures: [{ ...failure, kind: 'vector' }],
  }

  test('has a suite for each file, and escapes what XML does not take', () => {
    expect(testOutput(report, 'junit').split('\n')).toEqual([
      '<?xml version="1.0" encoding="UTF-8"?>',
      '<testsuites name="certlocker policy test" tests="2" failures="1">',
      '  <testsuite name="a_test.rego" tests="1" failures="0" time="0.250">',
      '    <testcase classname="a_test.rego" name="test_one: x &amp; y" time="0.250"/>',
      '  </testsuite>',
      '  <testsuite name="b.json" tests="1" failures="1" time="0.000">',
      '    <testcase classname="b.json" name="two"><failure type="vector" message="&lt;&quot;&amp;&quot;&gt;">b.json: two',
      '+ a\ufffd</failure></testcase>',
      '  </testsuite>',
      '</testsuites>',
    ])
  })

  test('as text it has the difference below the failure', () => {
    expect(testOutput(report, 'text')).toBe(
      'b.json: two: vector: <"&">\n    + a\u0001\n1 Rego tests, 1 vectors on WASM and opa eval, coverage 100 %, 1 failed',
    )
  })
})

describe('watching', () => {
  const directory = mkdtempSync(join(tmpdir(), 'certlocker-watch-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  test('runs at once, once more for all changes during a run, and ends when interrupted', async () => {
    const interrupt = new AbortController()
    let change = () => {}
    const watcher: Watcher = (directories, changed) => {
      expect(directories).toEqual(['d'])
      change = changed
    }
    let runs = 0
    const work = async () => {
      runs += 1
      if (runs === 1) [change, change].map((again) => again())
      else interrupt.abort()
    }
    await onEveryChange(['d'], work, interrupt.signal, watcher)
    expect(runs).toBe(2)
  })

  test('waits for a change of a file', async () => {
    const interrupt = new AbortController()
    let runs = 0
    const work = async () => {
      runs += 1
      if (runs === 2) interrupt.abort()
      else setImmediate(() => writeFileSync(join(directory, 'new.rego'), 'package custom.acme\n'))
    }
    await onEveryChange([directory], work, interrupt.signal)
    expect(runs).toBe(2)
  })
})

import { join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import type { Finding } from '../../src/cli/policy/finding.ts'
import { lintOutput } from '../../src/cli/policy/lint-formats.ts'

const findings: readonly Finding[] = [
  {
    file: join(process.cwd(), 'policies/custom/a b.rego'),
    line: 7,
    check: 'code',
    why: '100 % wrong: this, that',
    fix: 'Mend it.',
  },
  { file: '/elsewhere/acme.rego', line: 1, check: 'format', why: 'not formatted', fix: 'Run it.' },
]

const text = { type: 'object', required: ['text'], properties: { text: { type: 'string', minLength: 1 } } }

/** What SARIF 2.1.0 (OASIS, sections 3.13 to 3.30) requires of the members that code scanning reads. */
const sarifSchema = {
  type: 'object',
  required: ['version', 'runs'],
  properties: {
    version: { const: '2.1.0' },
    runs: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['tool', 'results'],
        properties: {
          tool: {
            type: 'object',
            required: ['driver'],
            properties: {
              driver: {
                type: 'object',
                required: ['name', 'rules'],
                properties: {
                  rules: { type: 'array', items: { type: 'object', required: ['id', 'shortDescription'] } },
                },
              },
            },
          },
          results: {
            type: 'array',
            items: {
              type: 'object',
              required: ['ruleId', 'ruleIndex', 'level', 'message', 'locations'],
              properties: {
                level: { enum: ['none', 'note', 'warning', 'error'] },
                message: text,
                ruleIndex: { type: 'integer', minimum: 0 },
                locations: {
                  type: 'array',
                  minItems: 1,
                  items: {
                    type: 'object',
                    required: ['physicalLocation'],
                    properties: {
                      physicalLocation: {
                        type: 'object',
                        required: ['artifactLocation', 'region'],
                        properties: {
                          artifactLocation: { type: 'object', required: ['uri'] },
                          region: {
                            type: 'object',
                            required: ['startLine'],
                            properties: { startLine: { type: 'integer', minimum: 1 } },
                          },
                        },
                      },
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
}

describe('findings as SARIF', () => {
  const log = JSON.parse(lintOutput(findings, 'sarif'))

  test('have the form of SARIF 2.1.0', () => {
    const ajv = new Ajv({ allErrors: true })
    expect(ajv.validate(sarifSchema, log), ajv.errorsText()).toBe(true)
  })

  test('refer to a rule that is described, and to a file by a relative address', () => {
    const [{ results, tool }] = log.runs
    expect(results).toHaveLength(2)
    for (const { ruleId, ruleIndex } of results) expect(tool.driver.rules[ruleIndex].id).toBe(ruleId)
    const [near, far] = results
    expect(near.locations[0].physicalLocation).toEqual({
      artifactLocation: { uri: 'policies/custom/a%20b.rego' },
      region: { startLine: 7 },
    })
    expect(far.locations[0].physicalLocation.artifactLocation.uri).toBe('file:///elsewhere/acme.rego')
    expect(near.message.text).toBe('100 % wrong: this, that. Mend it.')
  })

  test('are an empty list without findings', () => {
    expect(JSON.parse(lintOutput([], 'sarif')).runs[0].results).toEqual([])
  })
})

describe('findings for GitHub', () => {
  test('are workflow commands with everything escaped that would end them', () => {
    const [first] = lintOutput(findings, 'github').split('\n')
    expect(first).toBe(
      '::error file=policies/custom/a b.rego,line=7,title=policy lint%3A code::100 %25 wrong: this, that%0AMend it.',
    )
  })

  test('end with their number', () => {
    expect(lintOutput(findings, 'github')).toMatch(/\n2 findings$/u)
    expect(lintOutput([], 'github')).toBe('No findings')
  })
})

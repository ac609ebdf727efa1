import { describe, expect, test } from 'vitest'
import { diffOutput } from '../../../../src/cli/policy/impact-formats.ts'
import type { BundleDiff } from '../../../../src/policy/analysis/bundle-diff.ts'
import { buildInput } from '../../../../src/policy/input.ts'

const input = buildInput({
  call: { id: 'dec_1', action: 'secret.read', tool: '', digest: '', attempt: 1, unixMs: 0 },
  timeZone: 'UTC',
  principal: { kind: 'agent', id: 'agt_1', name: 'bot' },
})

function diffOf(flips: readonly { readonly code: string; readonly value: string }[]): BundleDiff {
  return {
    recorded: 0,
    generated: 0,
    widened: flips.length,
    narrowed: 0,
    approvals: 0,
    flips: flips.map(({ code, value }) => ({
      kind: 'widened',
      rule: 'custom.acme',
      code,
      before: 'deny',
      after: 'allow',
      input,
      facts: [{ path: 'input.resource.name', value }],
    })),
  }
}

describe('a diff in markdown', () => {
  test('keeps what a call says within its cell, and as text', () => {
    const nasty = 'a | b `c` <img> \\| [x](javascript:y) @owner\n| new | row |'
    const rows = diffOutput(diffOf([{ code: 'ACME', value: nasty }]), 0, 'markdown').split('\n')
    const [row = '', ...more] = rows.filter((line) => line.startsWith('| deny'))
    expect(more).toEqual([])
    expect(row.split('|')).toHaveLength(4)
    expect(/<code>(.*)<\/code>/u.exec(row)?.[1]).not.toMatch(/[|`<>[\]\\@*_]/u)
  })

  test('fits a comment on a pull request, and says how much it leaves out', () => {
    const many = Array.from({ length: 400 }, (_, at) => ({ code: `ACME_${at}`, value: 'x'.repeat(400) }))
    const text = diffOutput(diffOf(many), 0, 'markdown')
    expect(text.length).toBeLessThanOrEqual(65_536)
    const shown = text.match(/^#### /gmu)?.length ?? 0
    expect(shown).toBeGreaterThan(50)
    expect(text).toMatch(new RegExp(`\\n\\n${400 - shown} more .*--format json[^\\n]*$`, 'u'))
  })

  test('cuts one value that is too long for it', () => {
    const text = diffOutput(diffOf([{ code: 'ACME', value: '|'.repeat(60_000) }]), 0, 'markdown')
    expect(text.length).toBeLessThanOrEqual(65_536)
    expect(text).toContain('ACME')
  })
})

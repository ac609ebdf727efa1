import { describe, expect, test } from 'vitest'
import { sheet, table } from '../../../src/cli/table.ts'

describe('a table', () => {
  test('aligns its columns and shows lists, nothing and truth for people', () => {
    expect(
      table(
        ['name', 'lastUsedAt', 'groups'],
        [
          { name: 'a', lastUsedAt: null, groups: ['edge', 'prod'] },
          { name: 'longer', lastUsedAt: true, groups: [] },
        ],
      ),
    ).toBe(
      ['NAME    LAST USED AT  GROUPS', 'a       -             edge, prod', 'longer  true          -', ''].join('\n'),
    )
  })

  test('does not let a cell break its line or steer the terminal', () => {
    const text = table(['name'], [{ name: 'a\nb\u001b[2J\u202ec' }])
    expect(text.split('\n')).toHaveLength(3)
    expect(text).not.toMatch(/[\u001b\u202e]/u)
    expect(text).toContain('a\\nb')
  })

  test('cuts a cell at 60 characters, not at 59', () => {
    expect(table(['n'], [{ n: 'x'.repeat(60) }])).toContain('x'.repeat(60))
    expect(table(['n'], [{ n: 'x'.repeat(61) }])).toContain(`${'x'.repeat(59)}…`)
  })

  test('shows one object as a line per member', () => {
    expect(sheet({ id: 'agt_1', client: { ip: '::1' } })).toBe('id      agt_1\nclient  {"ip":"::1"}\n')
  })
})

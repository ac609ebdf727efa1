import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eventText, prepareEntry } from '../../../src/domain/audit/event-text.ts'
import { canonicalJson } from '../../../src/kernel/canonical-json.ts'

describe('the text of an event', () => {
  test('is the canonical JSON of the whole event, whatever is in it', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\u0000'))
    const optional = fc.option(text)
    const resource = fc.option(
      fc.record({
        type: text,
        id: optional,
        name: text,
        groups: fc.array(text),
        environment: text,
        version: fc.option(fc.nat()),
      }),
    )
    const details = fc.dictionary(
      text,
      fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value))),
    )
    fc.assert(
      fc.property(
        fc.record({ sessionId: optional, tool: optional, resource, details, code: optional }),
        fc.nat(),
        (draft, seq) => {
          const entry = prepareEntry({ event: { type: 'AI_AGENT_NOTE', ...draft } })
          const at = '2026-03-01T09:30:00.000Z'
          expect(eventText(entry, seq, at)).toBe(canonicalJson({ ...entry.event, seq, at }))
        },
      ),
    )
  })

  test('keeps no member that is not part of an event', () => {
    const draft = { type: 'AI_AGENT_NOTE', password: 'hunter2' } as const
    expect(eventText(prepareEntry({ event: draft }), 1, '')).not.toContain('hunter2')
  })
})

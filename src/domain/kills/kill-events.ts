import type { Json } from '../../kernel/canonical-json.ts'
import { type Author, changeEntry } from '../audit/author.ts'
import type { Entry } from '../audit/event.ts'
import type { Kill } from './kill.ts'

/** The entry that records that the switch was thrown or lifted. */
export function killEntry(
  by: Author,
  type: 'KILL_SWITCH' | 'KILL_LIFTED',
  { id, kind, target, reason, revoke, drill }: Kill,
  details: { readonly [name: string]: Json } = {},
): Entry {
  return changeEntry(by, {
    type,
    resource: { type: 'kill', id, name: target?.name ?? kind, groups: [], environment: '', version: null },
    details: { kind, target: target === null ? null : { ...target }, reason, revoke, drill, ...details },
  })
}

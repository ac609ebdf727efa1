import { readFile } from 'node:fs/promises'
import type { Finding } from './finding.ts'
import { statedIn } from './shape-checks.ts'
import type { SourceFile } from './sources.ts'
import type { Syntax } from './syntax.ts'

/**
 * The committed list of every code that a policy ever stated, one to a line; `CODE retired: why` for one that is not
 * stated any more. Blank lines and `#` comments are free.
 */
export interface CodeList {
  readonly path: string
  readonly entries: readonly { readonly code: string; readonly line: number; readonly retired: boolean }[]
}

export async function readCodeList({ path }: SourceFile): Promise<CodeList> {
  const lines = (await readFile(path, 'utf8')).split('\n')
  const entries = lines.flatMap((text, index) => {
    const [, code, rest = ''] = /^([A-Z0-9_]+)(.*)$/u.exec(text.trim()) ?? []
    return code === undefined ? [] : [{ code, line: index + 1, retired: rest.startsWith(' retired: ') }]
  })
  return { path, entries }
}

/** Codes are append-only: none is taken away, renamed, or used again for something else. Without a list nothing is compared. */
export function codeListFindings(lists: readonly CodeList[], policy: readonly Syntax[]): Finding[] {
  const [first] = lists
  if (first === undefined) return []
  const stated = policy.flatMap(statedIn)
  const known = new Map(lists.flatMap(({ entries }) => entries.map((entry) => [entry.code, entry])))
  const now = new Set(stated.map(({ code }) => code))
  return [
    ...stated.flatMap(({ file, line, code }) => {
      const entry = known.get(code)
      if (entry === undefined)
        return [finding(file, line, `${code} is not listed`, `Add it at the end of ${first.path}.`)]
      return entry.retired ? [finding(file, line, `${code} is retired`, 'Give the rule a code of its own.')] : []
    }),
    ...lists.flatMap(({ path, entries }) =>
      entries
        .filter(({ code, retired }) => !retired && !now.has(code))
        .map(({ code, line }) => finding(path, line, `no rule states ${code} any more`, restore(code))),
    ),
  ]
}

function restore(code: string): string {
  return `Give the rule its code back: audit logs and tickets name it. If the rule is gone, write \`${code} retired: why\`.`
}

function finding(file: string, line: number, why: string, fix: string): Finding {
  return { file, line, check: 'code', why, fix }
}

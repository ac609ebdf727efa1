import type { BundleDiff } from '../../policy/analysis/bundle-diff.ts'
import type { SmallestFlip } from '../../policy/analysis/smallest-flip.ts'
import type { Flip } from '../../policy/replay.ts'

export const diffFormats = ['text', 'json', 'markdown'] as const
export type DiffFormat = (typeof diffFormats)[number]

const kinds = ['widened', 'approval', 'narrowed'] as const
const headings = {
  widened: 'Allowed from now on',
  approval: 'Dependent on an approval from now on',
  narrowed: 'Denied from now on',
} as const
/** So many examples of a group are printed; JSON has them all. */
const EXAMPLES_SHOWN = 3

/** A diff as one of the formats has it; `markdown` is for a comment on a pull request. */
export function diffOutput(diff: BundleDiff, budget: number, format: DiffFormat): string {
  if (format === 'json') return JSON.stringify(diff, null, 2)
  const groups = groupsOf(diff.flips)
  return format === 'text'
    ? [verdict(diff, budget), ...groups.flatMap(textOf)].join('\n')
    : comment(`### Policy impact\n\n**${verdict(diff, budget)}**`, groups.map(markdownOf))
}

/** What GitHub takes as one comment, less room for the line that says what is missing. */
const COMMENT_CHARACTERS_MAX = 65_536 - 256

function comment(opening: string, sections: readonly string[]): string {
  let text = opening
  for (const [at, section] of sections.entries()) {
    const longer = `${text}\n\n${section}`
    if (longer.length > COMMENT_CHARACTERS_MAX)
      return `${text}\n\n${sections.length - at} more kinds of change are left out: \`--format json\` has them all.`
    text = longer
  }
  return text
}

function verdict({ recorded, generated, widened, narrowed, approvals }: BundleDiff, budget: number): string {
  const counted = `${widened} widened, ${narrowed} narrowed, ${approvals} between approval and the rest`
  const over = widened > budget ? `; more is widened than the budget of ${budget}` : ''
  return `${counted}, of ${recorded} recorded and ${generated} made-up calls${over}`
}

interface Group {
  readonly heading: string
  readonly code: string
  readonly rule: string
  readonly flips: readonly SmallestFlip[]
}

function groupsOf(flips: readonly SmallestFlip[]): readonly Group[] {
  return kinds.flatMap((kind) => {
    const ofKind = flips.filter((flip) => flip.kind === kind)
    const firsts = ofKind.filter((flip, at) => ofKind.findIndex((other) => nameOf(other) === nameOf(flip)) === at)
    return firsts.map((first) => ({
      heading: headings[kind],
      code: first.code,
      rule: first.rule,
      flips: ofKind.filter((flip) => nameOf(flip) === nameOf(first)),
    }))
  })
}

function nameOf({ rule, code }: Flip): string {
  return `${rule} ${code}`
}

function textOf({ heading, code, rule, flips }: Group): readonly string[] {
  return ['', `${heading}: ${code} (${rule})`, ...flips.slice(0, EXAMPLES_SHOWN).map((flip) => `  ${exampleOf(flip)}`)]
}

function markdownOf({ heading, code, rule, flips }: Group): string {
  const rows = flips
    .slice(0, EXAMPLES_SHOWN)
    .map((flip) => `| ${flip.before} → ${flip.after} | <code>${cell(factsOf(flip))}</code> |`)
  return [`#### ${heading}: \`${code}\` (\`${rule}\`)`, '', '| answer | when |', '|---|---|', ...rows].join('\n')
}

function exampleOf(flip: SmallestFlip): string {
  return `${flip.before} → ${flip.after} when ${factsOf(flip)}`
}

function factsOf({ facts }: SmallestFlip): string {
  return facts.map(({ path, value }) => `${path} = ${JSON.stringify(value)}`).join(', ')
}

/** So much of what one flip needs is shown. */
const CELL_CHARACTERS_MAX = 2_000

/** What a policy or a recorded call says can neither end the cell nor mean anything there, such as somebody's mention. */
function cell(text: string): string {
  const short = text.length > CELL_CHARACTERS_MAX ? `${text.slice(0, CELL_CHARACTERS_MAX)}…` : text
  return short.replaceAll(/[|`<>&[\]\\@*_~#!]/g, (character) => `&#${character.charCodeAt(0)};`)
}

import type { Finding } from './finding.ts'
import type { RuleSyntax, Syntax } from './syntax.ts'

/** The sets that a rule may add to. All else contributes nothing, silently. */
const contributionSets: ReadonlySet<string> = new Set(['deny', 'require_approval', 'allow', 'oblige'])

/** What the compiler cannot know: which rules the router sees, and what every reason must say. */
export function shapeFindings(shipped: readonly Syntax[], company: readonly Syntax[]): Finding[] {
  return [
    ...shipped.flatMap(shippedFindings),
    ...company.flatMap(companyFindings),
    ...duplicateFindings([...shipped, ...company]),
  ]
}

export interface StatedCode {
  readonly file: string
  readonly line: number
  readonly code: string
}

/** Every code that a file states, with the place of its rule. */
export function statedIn(syntax: Syntax): StatedCode[] {
  return stating(syntax).flatMap((rule) =>
    [...new Set(statedCodes(rule))].map((code) => ({ file: syntax.file.path, line: rule.line, code })),
  )
}

/** Also rules of the shipped router state codes, of faults. */
function stating(syntax: Syntax): readonly RuleSyntax[] {
  return syntax.package[0] === 'certlocker'
    ? syntax.rules.filter(({ custom }) => typeof custom['code'] === 'string')
    : contributions(syntax)
}

function shippedFindings(syntax: Syntax): Finding[] {
  return [
    ...packageTitle(syntax),
    ...contributions(syntax).flatMap((rule) => [...metadata(syntax, rule), ...reasonOfShipped(syntax, rule)]),
  ]
}

function companyFindings(syntax: Syntax): Finding[] {
  return [
    ...companyPackage(syntax),
    ...packageTitle(syntax),
    ...syntax.rules.flatMap((rule) => ruleName(syntax, rule)),
    ...contributions(syntax).flatMap((rule) => [
      ...shape(syntax, rule),
      ...metadata(syntax, rule),
      ...code(syntax, rule),
      ...incomplete(syntax, rule),
    ]),
  ]
}

function contributions({ package: path, rules }: Syntax): readonly RuleSyntax[] {
  const contributes = path[0] === 'custom' || (path[0] === 'certlocker' && path[1] === 'rules')
  return contributes ? rules.filter(({ name }) => contributionSets.has(name)) : []
}

function companyPackage({ file, package: path, packageLine }: Syntax): Finding[] {
  if (path.length === 2 && path[0] === 'custom') return []
  const fix = 'Put all files of a company into one package, `package custom.<company>`.'
  const why = `package ${path.join('.')} is not looked at, so its rules would say nothing`
  return [{ file: file.path, line: packageLine, check: 'package', why, fix }]
}

function packageTitle({ file, package: path, packageLine, packageTitled }: Syntax): Finding[] {
  if (packageTitled || path[0] === 'custom') return []
  const fix = 'Write a METADATA comment with a title above the package.'
  return [{ file: file.path, line: packageLine, check: 'metadata', why: `package ${path.join('.')} has no title`, fix }]
}

function ruleName({ file }: Syntax, { name, line }: RuleSyntax): Finding[] {
  if (contributionSets.has(name) || name.startsWith('_')) return []
  const why = `${name} is none of deny, require_approval, allow and oblige, so it contributes nothing`
  const fix = `Name the set it should add to, or call it _${name} if it is only used by rules beside it.`
  return [{ file: file.path, line, check: 'rule-name', why, fix }]
}

function shape({ file }: Syntax, { name, line, isSet }: RuleSyntax): Finding[] {
  if (isSet) return []
  const fix = `Write \`${name} contains {"code": …, "title": …} if { … }\`.`
  return [{ file: file.path, line, check: 'rule-shape', why: `${name} is not a set that rules add to`, fix }]
}

function metadata({ file }: Syntax, { name, line, title }: RuleSyntax): Finding[] {
  if (title !== '') return []
  const fix = 'Write a METADATA comment with a title directly above the rule: what it says, in one sentence.'
  return [{ file: file.path, line, check: 'metadata', why: `this ${name} rule has no title`, fix }]
}

/** A company may state its reason in the rule; what it describes in METADATA it describes wholly. */
function incomplete({ file }: Syntax, { name, line, custom }: RuleSyntax): Finding[] {
  if (Object.keys(custom).length === 0) return []
  const wanted = name === 'oblige' ? [] : name === 'allow' ? ['code', 'severity'] : ['code', 'severity', 'remedy']
  return wanted
    .filter((member) => typeof custom[member] !== 'string')
    .map((member) => ({
      file: file.path,
      line,
      check: 'metadata',
      why: `the METADATA of this ${name} rule has no ${member}`,
      fix: `Add \`${member}\` under \`custom\` in its METADATA.`,
    }))
}

const codeForm = /^[A-Z][A-Z0-9_]{2,63}$/

/** The codes that a rule states: those in its METADATA, else those in its text. */
function statedCodes({ name, custom, codes }: RuleSyntax): readonly string[] {
  if (name === 'oblige') return []
  return typeof custom.code === 'string' ? [custom.code] : codes
}

function code({ file }: Syntax, rule: RuleSyntax): Finding[] {
  const { name, line } = rule
  if (name === 'oblige') return []
  const stated = statedCodes(rule)
  const wrong = stated.find((one) => !codeForm.test(one))
  if (stated.length > 0 && wrong === undefined) return []
  const why = wrong === undefined ? `this ${name} rule states no code` : `${wrong} is not a code`
  const fix = 'Give the reason a "code" of 3 to 64 capital letters, digits and underscores, such as ACME_OFFICE_HOURS.'
  return [{ file: file.path, line, check: 'code', why, fix }]
}

function reasonOfShipped(syntax: Syntax, rule: RuleSyntax): Finding[] {
  const { name, line, title, description, custom } = rule
  if (name === 'oblige') return []
  const file = syntax.file.path
  const members = name === 'allow' ? ['severity'] : ['severity', 'remedy']
  const missing = members.filter((member) => typeof custom[member] !== 'string')
  const findings: Finding[] = missing.map((member) => {
    const fix = `Add \`${member}\` under \`custom\` in its METADATA.`
    return { file, line, check: 'metadata', why: `this ${name} rule has no ${member}`, fix }
  })
  if (description === '') {
    const fix = 'Add a `description` to its METADATA: why the rule is there. The reference of codes prints it.'
    findings.push({ file, line, check: 'metadata', why: `this ${name} rule has no description`, fix })
  }
  if (name === 'deny' && title !== '' && !title.startsWith('Access denied. ')) {
    const fix = 'Begin the title with `Access denied. `: it is what the caller is told.'
    findings.push({ file, line, check: 'title', why: 'the title of a denial is not worded as one', fix })
  }
  return [...code(syntax, rule), ...findings]
}

function duplicateFindings(files: readonly Syntax[]): Finding[] {
  const first = new Map<string, string>()
  return files.flatMap(statedIn).flatMap(({ file, line, code }): Finding[] => {
    const known = first.get(code)
    first.set(code, known ?? `${file}:${line}`)
    const fix = 'Give each rule a code of its own: by its code a denial leads to its rule.'
    return known === undefined
      ? []
      : [{ file, line, check: 'code', why: `${code} is already the code of ${known}`, fix }]
  })
}

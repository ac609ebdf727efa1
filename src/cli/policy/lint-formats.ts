import { relative, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Check, type Finding, findingText } from './finding.ts'

export const lintFormats = ['text', 'json', 'sarif', 'github'] as const
export type LintFormat = (typeof lintFormats)[number]

/**
 * The findings as one of the formats has them: `sarif` is SARIF 2.1.0 (OASIS), `github` the workflow commands that
 * annotate a pull request. Both name files relative to the working directory.
 */
export function lintOutput(findings: readonly Finding[], format: LintFormat): string {
  return printers[format](findings)
}

const printers: Readonly<Record<LintFormat, (findings: readonly Finding[]) => string>> = {
  text: (findings) => [...findings.map(findingText), summary(findings)].join('\n'),
  json: (findings) => JSON.stringify({ findings }, null, 2),
  sarif: (findings) => JSON.stringify(sarif(findings), null, 2),
  github: (findings) => [...findings.map(annotation), summary(findings)].join('\n'),
}

function summary({ length }: readonly Finding[]): string {
  return length === 0 ? 'No findings' : `${length} finding${length === 1 ? '' : 's'}`
}

const checks: Readonly<Record<Check, string>> = {
  format: 'A file is written as `opa fmt` writes it',
  compile: 'A policy compiles, fits the schema of the input and calls only permitted builtins',
  package: "A company's rules are in the package custom.<company>",
  'rule-name': 'A rule adds to deny, require_approval, oblige or allow',
  'rule-shape': 'What rules add to is a set',
  metadata: 'METADATA is complete',
  code: 'Codes are stated, unique and append-only',
  title: 'A denial is worded as one',
  configuration: 'A tunable exists and has its form',
  regal: 'Regal has nothing to object to',
}

function sarif(findings: readonly Finding[]) {
  const rules = Object.entries(checks).map(([id, text]) => ({ id, shortDescription: { text } }))
  const results = findings.map(({ file, line, check, why, fix }) => ({
    ruleId: check,
    ruleIndex: rules.findIndex(({ id }) => id === check),
    level: 'error',
    message: { text: `${why}. ${fix}` },
    locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(file) }, region: { startLine: line } } }],
  }))
  const driver = { name: 'certlocker policy lint', informationUri: 'https://www.openpolicyagent.org/docs/', rules }
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool: { driver }, columnKind: 'utf16CodeUnits', results }],
  }
}

function uriOf(file: string): string {
  const path = here(file)
  return path.startsWith('..') ? pathToFileURL(file).href : path.split('/').map(encodeURIComponent).join('/')
}

function here(file: string): string {
  return relative(process.cwd(), file).split(sep).join('/')
}

/** https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions */
function annotation({ file, line, check, why, fix }: Finding): string {
  return `::error file=${property(here(file))},line=${line},title=${property(`policy lint: ${check}`)}::${data(`${why}\n${fix}`)}`
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}

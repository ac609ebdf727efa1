import type { TestCase, TestFailure, TestReport } from './test-report.ts'

export const testFormats = ['text', 'json', 'junit'] as const
export type TestFormat = (typeof testFormats)[number]

/** The report as one of the formats has it; `junit` is the XML that GitLab, GitHub and Jenkins read. */
export function testOutput(report: TestReport, format: TestFormat): string {
  return printers[format](report)
}

const printers: Readonly<Record<TestFormat, (report: TestReport) => string>> = {
  text,
  json: (report) => JSON.stringify(report, null, 2),
  junit,
}

function text({ failures, regoTests, vectors, coverage }: TestReport): string {
  const summary = `${regoTests} Rego tests, ${vectors} vectors on WASM and opa eval, coverage ${coverage} %, ${failures.length} failed`
  return [...failures.map(failureText), summary].join('\n')
}

function failureText({ kind, where, what, diff }: TestFailure): string {
  return [`${where}: ${kind}: ${what}`, ...diff.map((line) => `    ${line}`)].join('\n')
}

function junit({ passed, failures }: TestReport): string {
  const suites = [...new Set([...passed, ...failures].map(({ suite }) => suite))]
  const total = `tests="${passed.length + failures.length}" failures="${failures.length}"`
  const of = <T extends { readonly suite: string }>(all: readonly T[], suite: string) =>
    all.filter((one) => one.suite === suite)
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="certlocker policy test" ${total}>`,
    ...suites.flatMap((suite) => suiteLines(suite, of(passed, suite), of(failures, suite))),
    '</testsuites>',
  ].join('\n')
}

function suiteLines(suite: string, passed: readonly TestCase[], failures: readonly TestFailure[]): readonly string[] {
  const seconds = passed.reduce((sum, one) => sum + one.seconds, 0).toFixed(3)
  const head = `name="${xml(suite)}" tests="${passed.length + failures.length}" failures="${failures.length}" time="${seconds}"`
  const place = (name: string) => `classname="${xml(suite)}" name="${xml(name)}"`
  return [
    `  <testsuite ${head}>`,
    ...passed.map(({ name, seconds }) => `    <testcase ${place(name)} time="${seconds.toFixed(3)}"/>`),
    ...failures.map(({ name, where, what, kind, diff }) => {
      const body = xml([where, ...diff].join('\n'))
      return `    <testcase ${place(name)}><failure type="${kind}" message="${xml(what)}">${body}</failure></testcase>`
    }),
    '  </testsuite>',
  ]
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** XML 1.0 has no way at all to write most control characters. */
function xml(value: string): string {
  return value
    .replaceAll(/[&<>"]/gu, (one) => entities[one] ?? '')
    .replaceAll(/[\x00-\x08\x0b\x0c\x0e-\x1f]/gu, '\ufffd')
}

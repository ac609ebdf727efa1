import { canonicalJson } from '../../kernel/canonical-json.ts'
import type { Decision } from '../../policy/decision.schema.ts'
import type { Expectation } from './vector-file.ts'

/** How a decision is not the expected one: in a sentence, and line by line. */
export interface Disappointment {
  readonly what: string
  /** Lines that begin with `  ` are as expected, `- ` is missing, `+ ` is too much. */
  readonly diff: readonly string[]
}

/** Compares what the vector mentions; obligations always, since nobody forgets one on purpose. @returns undefined when all is as expected */
export function disappointment(expect: Expectation, decision: Decision): Disappointment | undefined {
  const what = difference(expect, decision)
  if (what === undefined) return undefined
  const got = decisionLines(decision).filter(([member]) => member in expect || member === 'obligations')
  return { what, diff: diffLines(expectationLines(expect), got) }
}

function difference(expect: Expectation, decision: Decision): string | undefined {
  const codes = decision.reasons.map(({ code }) => code)
  if (decision.effect !== expect.effect || !same([...codes].sort(), [...expect.codes].sort())) {
    return `expected ${expect.effect} [${expect.codes.join(', ')}], got ${decision.effect} [${codes.join(', ')}]`
  }
  if (expect.title !== undefined && !decision.reasons.some(({ title }) => title === expect.title)) {
    return `expected the title "${expect.title}", got "${decision.reasons.map(({ title }) => title).join('", "')}"`
  }
  if (!same(decision.obligations, expect.obligations ?? [])) {
    return `expected obligations ${JSON.stringify(expect.obligations ?? [])}, got ${JSON.stringify(decision.obligations)}`
  }
  return expect.approval === undefined || same(decision.approval, expect.approval)
    ? undefined
    : `expected approval ${JSON.stringify(expect.approval)}, got ${JSON.stringify(decision.approval)}`
}

type Line = readonly [member: string, text: string]

function expectationLines({ effect, codes, title, obligations = [], approval }: Expectation): readonly Line[] {
  return [
    ['effect', `effect: ${effect}`],
    ...codes.map((code): Line => ['codes', `code: ${code}`]),
    ...(title === undefined ? [] : [['title', `title: ${title}`] as const]),
    ...obligations.map((one): Line => ['obligations', `obligation: ${canonicalJson(one)}`]),
    ...(approval === undefined ? [] : [['approval', `approval: ${canonicalJson(approval)}`] as const]),
  ]
}

function decisionLines({ effect, reasons, obligations, approval }: Decision): readonly Line[] {
  return [
    ['effect', `effect: ${effect}`],
    ...reasons.map(({ code, rule }): Line => ['codes', `code: ${code}  (${rule})`]),
    ...reasons.map(({ title }): Line => ['title', `title: ${title}`]),
    ...obligations.map((one): Line => ['obligations', `obligation: ${canonicalJson(one)}`]),
    ['approval', `approval: ${canonicalJson(approval)}`],
  ]
}

/** Which rule gave a code is told, but not compared. */
function diffLines(expected: readonly Line[], got: readonly Line[]): readonly string[] {
  const bare = ([, text]: Line) => text.replace(/ {2}\(.*\)$/u, '')
  const [wanted, found] = [new Set(expected.map(bare)), new Set(got.map(bare))]
  return [
    ...got.map((line) => `${wanted.has(bare(line)) ? '  ' : '+ '}${line[1]}`),
    ...expected.filter((line) => !found.has(bare(line))).map(([, text]) => `- ${text}`),
  ]
}

function same(a: unknown, b: unknown): boolean {
  return canonicalJson(a) === canonicalJson(b)
}

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { referencePages } from '../../src/cli/reference/reference-pages.ts'
import { shippedCodes as describedCodes } from '../../src/cli/reference/shipped-codes.ts'
import { schemaRows } from '../../src/cli/reference/schema-rows.ts'
import { shippedCodes } from '../../src/adapters/metrics/decision-code.ts'
import { policyInputSchema } from '../../src/policy/input.schema.ts'
import { routes } from '../../src/transport/rest/routes.ts'
import { exercised } from '../support/components.ts'

const folder = 'docs/reference'
const pages = await referencePages()
exercised('opa')

describe('docs/reference', () => {
  test('has the pages that `npm run reference` makes, and no other', () => {
    expect(readdirSync(folder)).toEqual(Object.keys(pages).toSorted())
  })

  test.each(Object.keys(pages))('%s is what the sources say now', (name) => {
    expect(readFileSync(join(folder, name), 'utf8'), 'run npm run reference').toBe(pages[name])
  })

  test('explains every field of the input', () => {
    const rows = schemaRows(policyInputSchema)
    expect(rows.length).toBeGreaterThan(70)
    expect(rows.filter(({ meaning }) => meaning === '')).toEqual([])
  })

  test('says of every action of REST who may do it, and of nobody what only people may', () => {
    const rows = (pages['roles.md'] ?? '').split('\n').filter((line) => line.startsWith('| `'))
    expect(rows.map((row) => /`([a-z_.]+)`/u.exec(row)?.[1])).toEqual(
      [...new Set(routes.map(({ action }) => action))].toSorted(),
    )
    expect(rows.filter((row) => !row.includes('| yes |'))).toEqual([])
    expect(rows.find((row) => row.includes('`secret.reveal`'))).toContain('| yes | within |  |  |  | yes |')
    expect(rows.find((row) => row.includes('`api_key.list`'))).toContain('| yes | own |  | yes |')
  })

  test('lists every code of the shipped rules', () => {
    const listed = [...(pages['codes.md'] ?? '').matchAll(/^\| \[`([A-Z_]+)`\]\(#\w+\) \| (?:deny|approval|allow)/gmu)]
    expect(listed.map(([, code]) => code)).toEqual(shippedCodes.toSorted())
  })

  test('explains every code of the shipped rules, with an example and what to do', async () => {
    const codes = await describedCodes()
    expect(codes.length).toBeGreaterThan(20)
    const wanting = codes.filter(
      ({ title, explanation, example, remedy, effect }) =>
        [title, explanation, example].includes('') || (effect !== 'allow' && remedy === ''),
    )
    expect(wanting).toEqual([])
  })
})

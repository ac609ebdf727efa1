import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'

const documents = ['.', 'docs', 'docs/decisions', 'docs/reference'].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
)
const scripts = new Set(readFileSync('package.json', 'utf8').match(/(?<=^ {4}")[\w:]+(?=": ")/gmu))

describe.each(documents.map((path) => ({ path, text: readFileSync(path, 'utf8') })))('$path', ({ path, text }) => {
  test('links to files that exist', () => {
    const targets = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/gu)].map(([, target = '']) => target)
    const dead = targets.filter((target) => !target.includes('://') && !existsSync(join(dirname(path), target)))
    expect(dead).toEqual([])
  })

  test('names source files that exist', () => {
    const named = [...text.matchAll(/`((?:src|policies|policy-tests|bundles|test)\/[\w./-]+)`/gu)].map(
      ([, file = '']) => file,
    )
    expect(named.filter((file) => !existsSync(file))).toEqual([])
  })

  test('names npm scripts that exist', () => {
    const named = [...text.matchAll(/\bnpm run ([\w:]+)/gu)].map(([, script = '']) => script)
    expect(named.filter((script) => !scripts.has(script))).toEqual([])
  })

  test('has a heading, and no line with spaces at its end', () => {
    expect(text).toMatch(/^# .+\n\n/u)
    expect(text).not.toMatch(/[ \t]$/mu)
  })
})

test('every decision is in the list of decisions', () => {
  const list = readFileSync('docs/decisions/README.md', 'utf8')
  const records = readdirSync('docs/decisions').filter((name) => /^\d{4}-/u.test(name))
  expect(records.length).toBeGreaterThan(0)
  expect(records.filter((name) => !list.includes(`(${name})`))).toEqual([])
})

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cliFor } from '../support/cli.ts'

const documents = ['.', 'docs'].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.md') && name !== 'CHANGELOG.md')
    .map((name) => join(folder, name)),
)

/** `npx certlocker audit verify log.ndjson` → `audit verify`: the words before an argument that is no plain word. */
const commands = new Set(
  documents.flatMap((path) =>
    [...readFileSync(path, 'utf8').matchAll(/(?:npx |`)certlocker((?: [a-z][a-z-]*(?![\w./-])){1,2})/gu)].map(
      ([, words = '']) => words.trim(),
    ),
  ),
)

describe('a command line in the documents', () => {
  test('is found by this test', () => {
    expect(commands.size).toBeGreaterThan(0)
  })

  test.each([...commands])('certlocker %s is one that the command line knows', async (words) => {
    const { stdout } = await cliFor('', undefined)([...words.split(' '), '--help'])
    // An unknown command would be answered with the help of the one above it.
    expect(stdout).toMatch(new RegExp(`^Usage: certlocker ${words}\\b`, 'mu'))
  })
})

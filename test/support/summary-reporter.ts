import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { SerializedError } from 'vitest'
import type { Reporter, TestModule } from 'vitest/node'
import { COMPONENTS_FILE, type ComponentNote, components } from './components.ts'

/**
 * Ends a test run with the real components that were exercised and those that were missing, then one plain line,
 * `N passed, N failed` (and `, N skipped` if any were). With CI=true a required component that no test touched counts as
 * a failure.
 */
export default class SummaryReporter implements Reporter {
  readonly #notes = join(mkdtempSync(join(tmpdir(), 'certlocker-test-')), 'components.ndjson')

  onInit(): void {
    writeFileSync(this.#notes, '')
    process.env[COMPONENTS_FILE] = this.#notes
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const notes = readNotes(this.#notes)
    rmSync(dirname(this.#notes), { recursive: true, force: true })
    const { lines, untouched } = componentReport(notes)
    const mustHaveAll = process.env['CI'] === 'true'
    const tally = count(modules)
    const failed = tally.failed + unhandled.length + (mustHaveAll ? untouched : 0)
    if (failed > 0) process.exitCode = 1
    const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : ''
    process.stdout.write(`\n${lines.join('\n')}\n${tally.passed} passed, ${failed} failed${skipped}\n`)
  }
}

/** What ran, what did not, and how many of the required components did not. */
export function componentReport(notes: readonly ComponentNote[]): { lines: string[]; untouched: number } {
  const lines = ['Real components:']
  let untouched = 0
  for (const [name, { title, required }] of Object.entries(components)) {
    const ran = notes.some((note) => note.component === name)
    if (!ran && required) untouched += 1
    const state = ran ? 'exercised' : required ? 'MISSING (required)' : 'missing'
    lines.push(`  ${state.padEnd(18)}  ${title}`)
  }
  return { lines, untouched }
}

function readNotes(file: string): ComponentNote[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line): ComponentNote => JSON.parse(line))
}

/** A file that broke outside its tests (an import, a hook) counts as one failure. */
function count(modules: readonly TestModule[]): { passed: number; failed: number; skipped: number } {
  const tally = { passed: 0, failed: 0, skipped: 0 }
  for (const module of modules) {
    const before = tally.failed
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state !== 'pending') tally[state] += 1
    }
    if (tally.failed === before && module.state() === 'failed') tally.failed += 1
  }
  return tally
}

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { processIo } from '../../../src/cli/io.ts'

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends what waits to be interrupted, so that it can clean up', (signal) => {
  const { interrupted } = processIo()
  process.emit(signal, signal)
  expect(interrupted.aborted).toBe(true)
})

test.each(['start', 'demo'])('npm %s leaves no shell that would keep a signal from the gateway', (name) => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(readFileSync('package.json', 'utf8'))
  expect(scripts[name]).toMatch(/^exec node /u)
})

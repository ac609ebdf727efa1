import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exercised } from '../support/components.ts'
import { blocksOf, reader } from '../support/reader.ts'

test('docs/write-a-policy.md leads from nothing to a bundle with a proven rule', { timeout: 300_000 }, async () => {
  const ana = await reader({ HOME: process.env['HOME'] ?? '' })
  try {
    const said: string[] = []
    for (const { language, text } of await blocksOf('docs/write-a-policy.md')) {
      expect(language).toBe('sh')
      said.push(await ana.run(text))
    }
    const [init, lint, tested, mutated, built] = said
    expect(init).toContain('policies/custom/acme/weekend.rego')
    expect(lint).toBe('No findings\n')
    expect(tested).toMatch(/^5 Rego tests, 5 vectors on WASM and opa eval, coverage 100 %, 0 failed$/mu)
    expect(readFileSync(join(ana.folder, 'report.xml'), 'utf8')).toContain(
      'name="at night: release-agent secret.read dev-secret"',
    )
    expect(mutated).toContain('0 survived unexplained')
    expect(built).toMatch(/^sha256:[0-9a-f]{64}$/mu)
    expect(existsSync(join(ana.folder, 'acme.tar.gz.sha256'))).toBe(true)
    exercised('opa')
  } finally {
    await ana.leave()
  }
})

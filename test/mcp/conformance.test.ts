import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BearerProxy, bearerProxy } from '../support/bearer-proxy.ts'
import { exercised } from '../support/components.ts'
import { runSuite } from '../support/conformance/run-suite.ts'
import { given } from '../support/given.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
let proxy: BearerProxy

beforeAll(async () => {
  gateway = await testGateway({ CERTLOCKER_LIMITS__CALLS_PER_MINUTE: '100000' })
  const tokens = await given(gateway, {
    agents: [{ name: 'conformance', groups: ['staging'], scopes: ['secret:read', 'host:read', 'audit:write'] }],
  })
  // The suite cannot send a bearer, and calls tools of its own names, of which the gateway has two that will do.
  proxy = await bearerProxy(gateway.url, tokens['conformance'] ?? '', {
    test_simple_text: 'certlocker_list_allowed_hosts',
    test_error_handling: 'certlocker_get_secret',
  })
})
afterAll(async () => {
  proxy.close()
  await gateway.stop()
})

const suite = (...flags: readonly string[]) => runSuite(`${proxy.url}/rest/mcp`, flags)
const baselineOf = (revision: string) => `test/mcp/conformance/${revision}.yml`

describe('the official conformance suite', { timeout: 90_000 }, () => {
  test.each(['2025-11-25', '2026-07-28'])(
    'of %s finds exactly the features that are known absent',
    async (revision) => {
      const { exitCode, output } = await suite('--requirements', revision, '--expected-failures', baselineOf(revision))
      for (const scenario of ['tools-list', 'tools-call-simple-text', 'tools-call-error'])
        expect(output).toContain(`✓ ${scenario}: `)
      expect(exitCode, output).toBe(0)
      exercised('mcp-conformance')
    },
  )

  test.each([
    ['2025-11-25', 'server-session-lifecycle'],
    ['2026-07-28', 'http-header-validation'],
  ])('of %s finds nothing in %s, which came after that revision', async (revision, scenario) => {
    const { exitCode, output } = await suite('--spec-version', revision, '--scenario', scenario)
    expect(output).toMatch(/Passed: [1-9]/)
    expect(exitCode, output).toBe(0)
  })

  test('names what fails without being known absent, and what is known absent but there', async () => {
    const known = await readFile(baselineOf('2025-11-25'), 'utf8')
    const wrong = join(gateway.dataDir, 'wrong.yml')
    await writeFile(wrong, `${known.replace('  - prompts-list\n', '')}  - ping\n`)
    const { exitCode, output } = await suite('--requirements', '2025-11-25', '--expected-failures', wrong)
    expect(output).toMatch(/Unexpected failures.*\n.* prompts-list$/mu)
    expect(output).toMatch(/Stale.*\n.* ping$/mu)
    expect(exitCode).toBe(1)
  })
})

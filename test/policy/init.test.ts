import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { buildBundle } from '../../src/cli/policy/build.ts'
import { checkVectors } from '../../src/gateway/bundles/check-bundle.ts'
import { createPolicyEngine } from '../../src/policy/wasm-policy-engine.ts'
import { initRepository } from '../../src/cli/policy/init.ts'
import { lintPolicies } from '../../src/cli/policy/lint.ts'
import { mutatePolicies } from '../../src/cli/policy/mutation/mutate.ts'
import { resolveOpa } from '../../src/cli/policy/opa-tool.ts'
import { runOpa } from '../../src/cli/policy/run-opa.ts'
import { testPolicies } from '../../src/cli/policy/test.ts'
import { readBundle } from '../../src/policy/bundle.ts'
import { exercised } from '../support/components.ts'

const root = mkdtempSync(join(tmpdir(), 'certlocker-init-'))
const made = join(root, 'made')
let number = 0
let fresh: string

beforeAll(async () => {
  expect(await initRepository('acme_labs', made)).toMatchObject({ ok: true })
})
beforeEach(() => {
  fresh = join(root, `fresh-${(number += 1)}`)
})
afterAll(() => {
  rmSync(root, { recursive: true, force: true })
})

describe('the repository that policy init makes', { timeout: 120_000 }, () => {
  test('passes lint', async () => {
    expect(await lintPolicies([made])).toEqual([])
  })

  test('passes its tests and vectors with full coverage', async () => {
    expect(await testPolicies([made])).toMatchObject({ failures: [], coverage: 100, regoTests: 3, vectors: 3 })
  })

  test('has no mutant that survives', async () => {
    const report = await mutatePolicies([made], () => {})
    expect(report).toMatchObject({ ok: true, value: { survivors: [], stale: [] } })
  })

  test('builds a bundle in which its rules lie beside the shipped ones', async () => {
    const built = await buildBundle({ directories: [made] })
    if (!built.ok) throw new Error(built.error)
    const bundle = readBundle(built.value.bytes)
    if (!bundle.ok) throw new Error(bundle.error.detail)
    expect([...bundle.value.files.keys()]).toContain('custom/acme_labs/weekend.rego')
    expect([...bundle.value.files.keys()]).toContain('certlocker/main/main.rego')
  })

  test('builds a bundle that carries its vectors for the gateway to ask', async () => {
    const built = await buildBundle({ directories: [made] })
    if (!built.ok) throw new Error(built.error)
    const bundle = readBundle(built.value.bytes)
    if (!bundle.ok) throw new Error(bundle.error.detail)
    const engine = createPolicyEngine()
    const policy = await engine.load(bundle.value, true)
    if (!policy.ok) throw new Error(policy.error.detail)
    expect(bundle.value.manifest.metadata?.vectors).toHaveLength(built.value.vectors)
    expect(built.value.vectors).toBe(3)
    expect(checkVectors(bundle.value, policy.value)).toEqual({ ok: true, value: undefined })
  })

  test('passes the commands that its README gives for OPA alone', async () => {
    const opa = await resolveOpa()
    if (!opa.ok) throw new Error(opa.error)
    const blocks = [...readFileSync(join(made, 'README.md'), 'utf8').matchAll(/^```sh\n([^]*?)^```$/gmu)]
    const commands = (blocks[1]?.[1] ?? '').trim().split('\n')
    expect(commands.map((command) => command.split(' ')[1])).toEqual(['fmt', 'check', 'test'])
    for (const command of commands) {
      const { exitCode, stdout, stderr } = await runOpa(command.split(' ').slice(1), { cwd: made })
      expect(exitCode, `${command}\n${stdout}${stderr}`).toBe(0)
    }
    exercised('opa')
  })

  test('has CI files that lint, test, mutate and build', () => {
    const github = parse(readFileSync(join(made, '.github/workflows/policy.yml'), 'utf8'))
    const gitlab = parse(readFileSync(join(made, '.gitlab-ci.yml'), 'utf8'))
    const steps: { run?: string }[] = github.jobs.policy.steps
    const verbs = (lines: readonly (string | undefined)[]) =>
      lines.flatMap((line) => /^certlocker policy (\w+)/u.exec(line ?? '')?.[1] ?? [])
    expect(verbs(steps.map(({ run }) => run))).toEqual(['lint', 'test', 'mutate', 'build'])
    expect(verbs(gitlab.policy.script)).toEqual(['lint', 'test', 'mutate', 'build'])
  })

  test('has no word left to fill in', async () => {
    const { stdout } = await promisify(execFile)('grep', ['-rlE', '__[A-Za-z]+__', made]).catch(() => ({ stdout: '' }))
    expect(stdout).toBe('')
  })
})

describe('policy init', () => {
  test.each(['', 'Acme', 'acme-labs', '1acme', 'acme labs', '../acme', 'default', 'a'.repeat(33)])(
    'refuses the company %j and writes nothing',
    async (company) => {
      const answer = await initRepository(company, fresh)
      expect(answer).toEqual({ ok: false, error: expect.stringContaining('such as acme or acme_labs') })
      expect(() => readFileSync(fresh)).toThrow('ENOENT')
    },
  )

  test('refuses a directory that is not empty, and names what is there', async () => {
    mkdirSync(fresh)
    writeFileSync(join(fresh, 'README.md'), 'mine')
    const answer = await initRepository('acme', fresh)
    expect(answer).toEqual({ ok: false, error: expect.stringContaining('is not empty (README.md)') })
    expect(readFileSync(join(fresh, 'README.md'), 'utf8')).toBe('mine')
  })

  test('refuses what is no directory', async () => {
    writeFileSync(fresh, 'mine')
    expect(await initRepository('acme', fresh)).toEqual({
      ok: false,
      error: expect.stringContaining('is no directory'),
    })
  })

  test('takes an empty clone', async () => {
    mkdirSync(join(fresh, '.git'), { recursive: true })
    expect(await initRepository('acme', fresh)).toMatchObject({ ok: true })
  })
})

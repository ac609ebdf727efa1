import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CliIo } from '../../src/cli/io.ts'
import { run } from '../../src/cli/main.ts'
import { packageRoot } from '../../src/cli/policy/package-root.ts'
import { cliEnvironment } from '../../src/config/cli-environment.ts'
import { buildInput } from '../../src/policy/input.ts'

const shipped = join(packageRoot, 'bundles', 'certlocker.tar.gz')
let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'certlocker-command-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

async function certlocker(...commandLine: string[]) {
  const printed = { out: '', error: '' }
  const io: CliIo = {
    stdout: collector((text) => (printed.out += text)),
    stderr: collector((text) => (printed.error += text)),
    input: process.stdin,
    stdin: () => Promise.resolve(JSON.stringify(question)),
    environment: cliEnvironment({}),
    interrupted: new AbortController().signal,
  }
  const exitCode = await run(commandLine, io)
  return { ...printed, exitCode }
}

function collector(take: (text: string) => void): Writable {
  return new Writable({
    write(chunk, _, done) {
      take(String(chunk))
      done()
    },
  })
}

const question = buildInput({
  call: { id: 'dec_1', action: 'secret.read', tool: '', digest: '', attempt: 1, unixMs: 0 },
  timeZone: 'UTC',
  principal: {
    kind: 'agent',
    id: 'agt_1',
    name: 'x',
    status: 'active',
    scopes: ['secret:read'],
    groups: ['edge'],
    riskLevel: 'low',
  },
  resource: {
    type: 'secret',
    name: 'prod-db-password',
    exists: true,
    groups: ['prod'],
    environment: 'production',
    kind: 'shared',
  },
})

describe('policy eval', () => {
  test('prints the decision for people', async () => {
    const { out, exitCode } = await certlocker('policy', 'eval', shipped, '--input', JSON.stringify(question))
    expect(exitCode).toBe(0)
    expect(out).toMatch(
      /^deny\n {2}GROUP_MISMATCH {2}Access denied\. Token is scoped to groups \[edge\], secret is in \[prod\] {2}\(/,
    )
  })

  test('prints the decision for programs, of an input in a file', async () => {
    writeFileSync(join(directory, 'input.json'), JSON.stringify(question))
    const { out } = await certlocker('policy', 'eval', shipped, '--input', join(directory, 'input.json'), '--json')
    expect(JSON.parse(out)).toMatchObject({ effect: 'deny', callId: 'dec_1' })
  })

  test('takes the input from standard input', async () => {
    expect(await certlocker('policy', 'eval', shipped, '--input', '-')).toMatchObject({ exitCode: 0, error: '' })
  })

  test('without an input is a question of usage', async () => {
    expect(await certlocker('policy', 'eval', shipped)).toMatchObject({ exitCode: 2 })
  })

  test.each([
    ['an input that is not total', () => ({}), "must have required property 'schema'"],
    ['an input with a word that is none', () => ({ ...question, mode: 'dream' }), 'input/mode'],
  ])('refuses %s', async (_, input, text) => {
    const { error, exitCode } = await certlocker('policy', 'eval', shipped, '--input', JSON.stringify(input()))
    expect(exitCode).toBe(1)
    expect(error).toContain(text)
  })

  test('says which file is missing', async () => {
    const { error, exitCode } = await certlocker(
      'policy',
      'eval',
      join(directory, 'none.tar.gz'),
      '--input',
      JSON.stringify(question),
    )
    expect(exitCode).toBe(2)
    expect(error).toContain('none.tar.gz')
  })
})

describe('policy build', () => {
  test("adds a company's rules and tunables to the shipped ones", { timeout: 60_000 }, async () => {
    const rule = 'deny contains {"code": "ACME_NEVER", "title": "Never"} if input.call.action == "secret.read"'
    writeFileSync(join(directory, 'acme.rego'), `package custom.acme\n\n# METADATA\n# title: Never\n${rule}\n`)
    const bundle = join(directory, 'acme.tar.gz')
    const built = await certlocker(
      'policy',
      'build',
      directory,
      '-o',
      bundle,
      '--revision',
      'r7',
      '--sequence',
      '7',
      '--json',
    )
    expect(JSON.parse(built.out)).toMatchObject({
      revision: 'r7',
      sequence: 7,
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    })
    const hash = createHash('sha256').update(readFileSync(bundle)).digest('hex')
    expect(readFileSync(`${bundle}.sha256`, 'utf8')).toBe(`${hash}  acme.tar.gz\n`)
    const { out } = await certlocker('policy', 'eval', bundle, '--input', JSON.stringify(question), '--json')
    const { reasons }: { reasons: { code: string; rule: string }[] } = JSON.parse(out)
    expect(reasons.map(({ code, rule }) => `${code} ${rule}`)).toEqual([
      'ACME_NEVER custom.acme',
      'GROUP_MISMATCH certlocker.rules.group',
    ])
  })

  test('holds the same shipped rules, whatever is added to them', { timeout: 60_000 }, async () => {
    writeFileSync(join(directory, 'acme.rego'), 'package custom.acme\n')
    const built = await certlocker('policy', 'build', directory, '-o', join(directory, 'b.tar.gz'), '--json')
    const plain = await certlocker('policy', 'build', '-o', join(directory, 'a.tar.gz'), '--json')
    expect(JSON.parse(built.out).shippedDigest).toBe(JSON.parse(plain.out).shippedDigest)
    expect(readFileSync(join(directory, 'a.tar.gz')).equals(readFileSync(shipped))).toBe(true)
  })

  test('tells what opa objects to', { timeout: 60_000 }, async () => {
    writeFileSync(join(directory, 'acme.rego'), 'package custom.acme\n\n_now := time.now_ns()\n')
    const { error, exitCode } = await certlocker('policy', 'build', directory, '-o', join(directory, 'b.tar.gz'))
    expect(exitCode).toBe(1)
    expect(error).toContain('undefined function time.now_ns')
  })
})

describe('policy lint', () => {
  test('exits 1 on findings, each with its place and what to do', { timeout: 60_000 }, async () => {
    writeFileSync(join(directory, 'acme.rego'), 'package custom.acme\n\nallow := true\n')
    const { out, exitCode } = await certlocker('policy', 'lint', directory)
    expect(exitCode).toBe(1)
    expect(out).toContain(
      `${join(directory, 'acme.rego')}:3: rule-shape: allow is not a set that rules add to\n    Write`,
    )
    expect(out).toMatch(/\d findings\n$/)
  })
})

describe('a path that does not fit ends in usage, with what it is and what to give', () => {
  test.each([
    [['lint', '/nope'], "/nope does not exist: give an existing directory with a company's policies"],
    [['test', '/nope'], "/nope does not exist: give an existing directory with a company's policies"],
    [['lint', shipped], `${shipped} is no directory: give an existing directory with a company's policies`],
    [['eval', shipped, '--input', '/nope'], '/nope does not exist: give an existing file'],
    [['eval', '/nope', '--input', '-'], '/nope does not exist: give an existing file'],
  ])('policy %j', async (words, says) => {
    expect(await certlocker('policy', ...words)).toEqual({ exitCode: 2, out: '', error: `certlocker: ${says}\n` })
  })

  test('as does an input that is no JSON', async () => {
    const { exitCode, error } = await certlocker('policy', 'eval', shipped, '--input', '{x')
    expect(exitCode).toBe(2)
    expect(error).toMatch(/^certlocker: --input is no JSON \(.*\): give a certlocker\.input\/v1 document\n$/)
  })
})

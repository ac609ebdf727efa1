import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type BuiltBundle, buildBundle, digestOfShipped } from '../../src/cli/policy/build.ts'
import { packageRoot } from '../../src/cli/policy/package-root.ts'
import { runOpa } from '../../src/cli/policy/run-opa.ts'
import { capabilitiesText } from '../../src/cli/policy/write-capabilities.ts'
import { readBundle } from '../../src/policy/bundle.ts'
import { compileModule, instantiate } from '../../src/policy/wasm-instance.ts'
import { schemaFiles } from '../../src/policy/write-schemas.ts'
import { exercised } from '../support/components.ts'

const bundles = join(packageRoot, 'bundles')
const committed = readFileSync(join(bundles, 'certlocker.tar.gz'))

describe('the committed bundle', () => {
  let built: BuiltBundle

  beforeAll(async () => {
    const result = await buildBundle({ directories: [] })
    if (!result.ok) throw new Error(result.error)
    built = result.value
    exercised('opa')
  })

  test('is byte for byte what the sources compile to', () => {
    expect(built.bytes.equals(committed), 'run: npx certlocker policy build -o bundles/certlocker.tar.gz').toBe(true)
  })

  test('has the digest that is written beside it', () => {
    const digest = createHash('sha256').update(committed).digest('hex')
    expect(readFileSync(join(bundles, 'certlocker.tar.gz.sha256'), 'utf8')).toBe(`${digest}  certlocker.tar.gz\n`)
  })

  test('says which schemas it speaks and which shipped rules it holds', () => {
    const bundle = readBundle(committed)
    expect(bundle.ok && bundle.value.manifest).toMatchObject({
      roots: ['certlocker', 'custom'],
      metadata: {
        inputSchema: 'certlocker.input/v1',
        decisionSchema: 'certlocker.decision/v1',
        sequence: 0,
        shippedDigest: digestOfShipped(committed),
      },
    })
  })

  test('offers one entrypoint, the decision, and no helper rule', () => {
    const bundle = readBundle(committed)
    const entrypoints = bundle.ok ? (bundle.value.manifest.wasm ?? []).map(({ entrypoint }) => entrypoint) : []
    expect(entrypoints).toEqual(['certlocker/main/decision'])
  })

  test('is accepted by the gateway', () => {
    const bundle = readBundle(committed)
    if (!bundle.ok) throw new Error(bundle.error.detail)
    const module = compileModule(bundle.value)
    if (!module.ok) throw new Error(module.error.detail)
    expect(instantiate(module.value, bundle.value.data).ok).toBe(true)
  })
})

describe('the files that are generated', () => {
  test.each(Object.entries(schemaFiles()))('policies/schemas/%s is what src says', (name, text) => {
    // The formatter breaks lines as it likes, so that only the values are compared.
    const file: unknown = JSON.parse(readFileSync(join(packageRoot, 'policies', 'schemas', name), 'utf8'))
    expect(file, 'run: npx tsx src/policy/write-schemas.ts && npm run format').toEqual(JSON.parse(text))
  })

  test('bundles/capabilities.json is the pinned opa, reduced to what a policy may use', async () => {
    const file = readFileSync(join(bundles, 'capabilities.json'), 'utf8')
    expect(file, 'run: npx tsx src/cli/policy/write-capabilities.ts').toBe(await capabilitiesText())
  })
})

describe('the capabilities', () => {
  const capabilities: { builtins: { name: string; decl: { args?: unknown[] } }[] } = JSON.parse(
    readFileSync(join(bundles, 'capabilities.json'), 'utf8'),
  )
  const names = capabilities.builtins.map(({ name }) => name)

  test.each([
    'sprintf',
    'regex.split',
    'http.send',
    'time.now_ns',
    'yaml.unmarshal',
    'internal.template_string',
    'rand.intn',
  ])('leave out %s', (name) => {
    expect(names).not.toContain(name)
  })

  test('hold nothing that WASM would leave to the host', async () => {
    const called = capabilities.builtins.filter(({ name }) => !name.startsWith('internal.') && !syntax.has(name))
    const calls = called.map(({ name, decl }, index) => {
      const operands = (decl.args ?? []).map((_, at) => `input.a${at}`)
      return `x${index} := ${name}(${operands.join(', ')})`
    })
    const directory = await mkdtemp(join(tmpdir(), 'certlocker-capabilities-'))
    try {
      await writeFile(join(directory, 'probe.rego'), `package probe\n${calls.join('\n')}\n`)
      await writeFile(join(directory, 'main.rego'), 'package certlocker.main\ndecision := data.probe\n')
      const build = [
        'build',
        '-t',
        'wasm',
        '-e',
        'certlocker/main/decision',
        '-o',
        'bundle.tar.gz',
        'probe.rego',
        'main.rego',
      ]
      expect(await runOpa(build, { cwd: directory })).toMatchObject({ exitCode: 0, stderr: '' })
      const bundle = readBundle(readFileSync(join(directory, 'bundle.tar.gz')))
      const module = bundle.ok ? compileModule(bundle.value) : bundle
      expect(module.ok ? instantiate(module.value, {}) : module).toMatchObject({ ok: true })
      expect(calls.length).toBeGreaterThan(80)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
})

/** Builtins that are written as syntax and not as a call. */
const syntax: ReadonlySet<string> = new Set(['assign', 'eq'])

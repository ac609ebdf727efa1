import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { testGateway } from '../support/test-gateway.ts'

const dockerfile = readFileSync('Dockerfile', 'utf8')
const stages = dockerfile.split(/^(?=FROM )/mu).filter((stage) => stage.startsWith('FROM '))
const last = stages.at(-1) ?? ''
const ignored = readFileSync('.dockerignore', 'utf8').trim().split('\n')

describe('the image', () => {
  test('is built on one pinned base', () => {
    expect(stages.length).toBeGreaterThan(1)
    expect(new Set(stages.map((stage) => /^FROM (\S+)/u.exec(stage)?.[1]))).toEqual(
      new Set([expect.stringMatching(/^node:20\.\d+\.\d+-bookworm-slim$/u)]),
    )
  })

  test('takes its dependencies from a stage that installed those of production alone', () => {
    const [, stage] = /^COPY --from=(\S+) \/app \.\/$/mu.exec(last) ?? []
    const from = stages.find((text) => text.split('\n')[0]?.endsWith(` AS ${stage}`))
    expect(from?.match(/npm \w+.*/gu)).toEqual(['npm ci --omit=dev'])
    expect(last).not.toContain('npm')
  })

  test('copies what exists and is not left out of the build', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gmu)].flatMap(([, names = '']) =>
      names.split(' '),
    )
    expect(copied.length).toBeGreaterThan(5)
    expect(copied.filter((name) => !existsSync(name) || !ignored.includes(`!${name}`))).toEqual([])
    expect(ignored[0]).toBe('*')
  })

  test('runs as an ordinary user', () => {
    expect(last.match(/^USER (.+)$/gmu)).toEqual(['USER node'])
  })

  test('is healthy while the gateway is ready, and only then', async () => {
    const [, command = '[]'] = /^HEALTHCHECK [^]*?CMD (\[.+\])$/mu.exec(last) ?? []
    const [program, ...words]: string[] = JSON.parse(command)
    expect(program).toBe('node')
    const gateway = await testGateway()
    const check = () =>
      promisify(execFile)(
        process.execPath,
        words.map((word) => word.replace('http://127.0.0.1:8080', gateway.url)),
      )
    expect(words.at(-1)).toContain('http://127.0.0.1:8080/health/ready')
    await check()
    await gateway.stop()
    await expect(check()).rejects.toMatchObject({ code: 1 })
  })
})

test('npm run sbom lists, as CycloneDX, what is needed to run and its licences', { timeout: 60_000 }, async () => {
  const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'sbom'], { maxBuffer: 64 * 1024 * 1024 })
  const { bomFormat, metadata, components, dependencies: graph }: Sbom = JSON.parse(stdout)
  expect({ bomFormat, metadata }).toMatchObject({
    bomFormat: 'CycloneDX',
    metadata: { component: { name: 'certlocker' } },
  })
  const { dependencies, devDependencies }: Manifest = JSON.parse(readFileSync('package.json', 'utf8'))
  const listed = new Set(components.map(({ purl }) => decodeURIComponent(purl)))
  expect(Object.entries(dependencies).filter(([name, version]) => !listed.has(`pkg:npm/${name}@${version}`))).toEqual(
    [],
  )
  expect(Object.entries(devDependencies).filter(([name, version]) => listed.has(`pkg:npm/${name}@${version}`))).toEqual(
    [],
  )
  const refs = [...components, metadata.component].map((component) => component['bom-ref'])
  expect(graph.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn]).filter((ref) => !refs.includes(ref))).toEqual([])
  // These name their licence, MIT (tv4 of node-vault: public domain or MIT), in a form that npm does not read.
  const unlicensed = components.filter(({ licenses = [] }) => licenses.length === 0)
  expect(unlicensed.map(({ purl }) => purl)).toEqual([
    'pkg:npm/buildcheck@0.0.7',
    'pkg:npm/cpu-features@0.0.10',
    'pkg:npm/ssh2@1.17.0',
    'pkg:npm/tv4@1.3.0',
  ])
})

interface Sbom {
  readonly bomFormat: string
  readonly metadata: { readonly component: { readonly 'bom-ref': string } }
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
  readonly components: readonly {
    readonly 'bom-ref': string
    readonly purl: string
    readonly licenses?: readonly object[]
  }[]
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

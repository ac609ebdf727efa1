import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config/load-config.ts'

interface Service {
  readonly image?: string
  readonly build?: string
  readonly command?: readonly string[]
  readonly user?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly ports?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly networks?: readonly string[]
  readonly volumes?: readonly string[]
  readonly secrets?: readonly string[]
  readonly configs?: readonly { readonly source: string }[]
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly networks: { readonly front: { readonly ipam: { readonly config: readonly { readonly subnet: string }[] } } }
  readonly volumes: object
  readonly configs: Readonly<Record<string, { readonly file: string }>>
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
}

const text = readFileSync('docker-compose.yml', 'utf8')
const compose: Compose = parse(text, { merge: true })
const services = Object.entries(compose.services)
const dockerfile = readFileSync('Dockerfile', 'utf8')
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certlocker-compose-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const makeSecrets = () => promisify(execFile)('deploy/make-secrets.sh', [join(folder, 'secrets')])

describe('docker-compose.yml', () => {
  test('is what the Compose Specification calls a compose file', () => {
    // Of compose-spec/compose-go, Apache-2.0.
    const schema = JSON.parse(readFileSync('test/docs/compose-spec.schema.json', 'utf8'))
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema)
    expect(validate(parse(text, { merge: true })), JSON.stringify(validate.errors)).toBe(true)
    expect(validate({ services: { gateway: { imag: 'x' } } })).toBe(false)
  })

  test.each(services)(
    '%s is pinned, healthy before it counts, without root and without rights to spare',
    (_, service) => {
      expect(service.build ?? service.image).toMatch(/^(?:\.|[\w./-]+:\d+\.\d+(?:\.\d+)?(?:-[\w.]+)?)$/u)
      expect(service.user).toMatch(/^(?!root|0)\S+$/u)
      expect(service).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        restart: 'unless-stopped',
      })
      expect(
        service.healthcheck !== undefined || (service.build === '.' && dockerfile.includes('\nHEALTHCHECK ')),
      ).toBe(true)
      for (const { condition } of Object.values(service.depends_on ?? {})) expect(condition).toBe('service_healthy')
    },
  )

  test.each(services)('%s refers only to what is declared', (_, service) => {
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(Object.keys(service.depends_on ?? {})))
    expect(Object.keys(compose.networks)).toEqual(expect.arrayContaining([...(service.networks ?? [])]))
    expect(Object.keys(compose.secrets)).toEqual(expect.arrayContaining([...(service.secrets ?? [])]))
    expect(Object.keys(compose.configs)).toEqual(
      expect.arrayContaining((service.configs ?? []).map(({ source }) => source)),
    )
    expect(Object.keys(compose.volumes)).toEqual(
      expect.arrayContaining((service.volumes ?? []).map((volume) => volume.split(':')[0])),
    )
  })

  test('publishes one port for each door, on loopback, and reads its files from where they are', async () => {
    expect(services.flatMap(([, { ports = [] }]) => ports)).toEqual(['127.0.0.1:8080:8080', '127.0.0.1:2222:2222'])
    for (const { file } of Object.values(compose.configs)) expect(existsSync(file), file).toBe(true)
    await makeSecrets()
    expect((await readdir(join(folder, 'secrets'))).map((name) => `secrets/${name}`)).toEqual(
      Object.values(compose.secrets)
        .map(({ file }) => file)
        .toSorted(),
    )
  })

  test('holds no secret', () => {
    const variables = services.flatMap(([, { environment = {} }]) => Object.keys(environment))
    expect(
      variables.filter((name) => /PASSWORD|KEY|SECRET|TOKEN|DATABASE_URL/u.test(name) && !name.endsWith('_FILE')),
    ).toEqual([])
    expect(text).not.toMatch(/[0-9a-f]{32}|:\/\/[^/\s]*@/u)
  })

  test('opens one door in each process, on one database and one directory', () => {
    const { gateway, bastion } = compose.services
    expect([gateway?.command, bastion?.command]).toEqual([
      ['serve', '--role', 'gateway'],
      ['serve', '--role', 'bastion'],
    ])
    expect(bastion?.volumes).toEqual(gateway?.volumes)
    expect(bastion?.environment).toMatchObject(gateway?.environment ?? {})
  })

  test.each(['gateway', 'bastion'])(
    'gives the %s settings that it knows and accepts, and trusts no proxy but the balancer',
    async (door) => {
      await makeSecrets()
      await writeFile(join(folder, 'role-id'), 'role')
      await writeFile(join(folder, 'secret-id'), 'secret')
      const given = Object.entries(compose.services[door]?.environment ?? {}).map(([name, value]) => [
        name,
        value
          .replace('/run/secrets', join(folder, 'secrets'))
          .replace('/run/openbao', folder)
          .replace(/\$\{[^:}]+:-([^}]*)\}/u, '$1'),
      ])
      const dataDir = join(folder, 'data')
      const environment = { ...Object.fromEntries(given), CERTLOCKER_DATA_DIR: dataDir }
      const loaded = await loadConfig({ environment })
      expect(loaded).toMatchObject({
        ok: true,
        value: {
          config: {
            http: { trustedProxies: compose.networks.front.ipam.config.map(({ subnet }) => subnet) },
            vault: { auth: { method: 'approle', roleId: 'role' } },
          },
        },
      })
      expect(await loadConfig({ environment: { ...environment, CERTLOCKER_HTTP__PROT: '1' } })).toMatchObject({
        ok: false,
      })
    },
  )
})

test('deploy/make-secrets.sh makes secrets of 256 bits for their owner alone, and keeps what is there', async () => {
  await makeSecrets()
  const read = () =>
    ['admin-key', 'postgres-password', 'database-url'].map((name) =>
      readFileSync(join(folder, 'secrets', name), 'utf8'),
    )
  const [key = '', password = '', url = ''] = read()
  expect(key).toMatch(/^[0-9a-f]{64}$/u)
  expect(password).toMatch(/^[0-9a-f]{64}$/u)
  expect(new URL(url)).toMatchObject({ password, hostname: 'postgres' })
  expect(key).not.toBe(password)
  expect((await stat(join(folder, 'secrets'))).mode & 0o777).toBe(0o700)
  await makeSecrets()
  expect(read()).toEqual([key, password, url])
})

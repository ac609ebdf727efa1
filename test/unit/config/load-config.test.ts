import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { configTable, describeConfig } from '../../../src/config/describe-config.ts'
import { type LoadedConfig, loadConfig } from '../../../src/config/load-config.ts'
import { settings } from '../../../src/config/setting.ts'

const folder = mkdtempSync(join(tmpdir(), 'certlocker-config-'))
/** Any file that only this user can read. */
const own = file('own', 'a key that is private')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

async function loaded(environment: Record<string, string>, path?: string): Promise<LoadedConfig> {
  const result = await loadConfig({ environment, ...(path === undefined ? {} : { file: path }) })
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  return result.value
}

async function placesOfProblems(environment: Record<string, string>, path?: string): Promise<string[]> {
  const result = await loadConfig({ environment, ...(path === undefined ? {} : { file: path }) })
  return result.ok ? [] : result.error.map(({ place }) => place)
}

describe('a setting', () => {
  test.each([
    ['nowhere', undefined, {}, 8080, 'default'],
    ['the file', 'http: {port: 1}', {}, 1, 'file'],
    ['a file in JSON', '{"http": {"port": 1}}', {}, 1, 'file'],
    ['the environment', undefined, { CERTLOCKER_HTTP__PORT: '2' }, 2, 'CERTLOCKER_HTTP__PORT'],
    ['both, where the environment wins', 'http: {port: 1}', { CERTLOCKER_HTTP__PORT: '2' }, 2, 'CERTLOCKER_HTTP__PORT'],
  ] as const)('comes from %s', async (_, text, environment, port, origin) => {
    const path = text === undefined ? undefined : file('precedence.yaml', text)
    const { config, origins } = await loaded(environment, path)
    expect(config.http.port).toBe(port)
    expect(origins.get('http.port')).toBe(origin === 'file' ? path : origin)
  })

  test('is read from the file that NAME_FILE names, without its last line break', async () => {
    const key = 'k'.repeat(32)
    const { config } = await loaded({ CERTLOCKER_BOOTSTRAP__ADMIN_KEY_FILE: file('key', `${key}\n`) })
    expect(config.bootstrap.adminKey?.expose()).toBe(key)
    expect(await placesOfProblems({ CERTLOCKER_BOOTSTRAP__ADMIN_KEY_FILE: join(folder, 'absent') })).toEqual([
      'CERTLOCKER_BOOTSTRAP__ADMIN_KEY_FILE',
    ])
  })

  test('that is a list is separated by commas', async () => {
    const { config } = await loaded({ CERTLOCKER_EGRESS__PRIVATE_CIDRS: '10.0.0.0/8, fd00::/8' })
    expect(config.egress.privateCidrs).toEqual(['10.0.0.0/8', 'fd00::/8'])
  })

  test('is also known by the name that everyone uses, which its own name overrides', async () => {
    const common = 'postgres://common/db'
    const own = 'postgres://own/db'
    expect((await loaded({ DATABASE_URL: common })).config.database.url?.expose()).toBe(common)
    const both = await loaded({ DATABASE_URL: common, CERTLOCKER_DATABASE__URL: own })
    expect(both.config.database.url?.expose()).toBe(own)
    const { vault } = (await loaded({ VAULT_ADDR: 'https://vault.example.com', VAULT_TOKEN: 'hvs.x' })).config
    expect(vault.address).toBe('https://vault.example.com')
    expect(vault.auth.token?.expose()).toBe('hvs.x')
  })

  test('is read from a file by that name as well', async () => {
    const { config, origins } = await loaded({ DATABASE_URL_FILE: file('url', 'postgres://filed/db\n') })
    expect(config.database.url?.expose()).toBe('postgres://filed/db')
    expect(origins.get('database.url')).toBe('DATABASE_URL_FILE')
    expect(await placesOfProblems({ VAULT_ADDR_FILE: join(folder, 'absent') })).toEqual(['VAULT_ADDR_FILE'])
  })

  test.each(['CERTLOCKER_DATABASE__URL', 'DATABASE_URL', 'CERTLOCKER_BOOTSTRAP__ADMIN_KEY'])(
    'is refused when %s and its _FILE are both set, naming both',
    async (name) => {
      const text = 'postgres://one/database-with-a-long-name'
      const both = await loadConfig({ environment: { [name]: text, [`${name}_FILE`]: file('both', text) } })
      expect(both.ok ? [] : both.error).toEqual([
        { place: name, problem: `and ${name}_FILE are both set: keep one of them` },
      ])
    },
  )

  test('that is a path starts at the folder of the file that gives it', async () => {
    const { config } = await loaded({}, file('paths.yaml', 'dataDir: data'))
    expect(config.dataDir).toBe(join(folder, 'data'))
    expect(config.recordings.dir).toBe(join(folder, 'data/recordings'))
  })
})

describe('a configuration that is wrong', () => {
  test('is refused with all of its problems', async () => {
    const path = file('wrong.yaml', 'http: {port: high}\nnope: 1\npolicy: {nope: 1}')
    const places = await placesOfProblems({ CERTLOCKER_NOPE: '1', CERTLOCKER_BOOTSTRAP__ADMIN_KEY: 'short' }, path)
    expect(places.sort()).toEqual(
      [
        'CERTLOCKER_NOPE',
        `${path}: nope`,
        `${path}: policy.nope`,
        `http.port (${path})`,
        'bootstrap.adminKey (CERTLOCKER_BOOTSTRAP__ADMIN_KEY)',
      ].sort(),
    )
  })

  test('is refused when its file is missing or cannot be parsed', async () => {
    expect(await placesOfProblems({}, join(folder, 'absent.yaml'))).toEqual([join(folder, 'absent.yaml')])
    const path = file('torn.yaml', 'http: {port: [')
    const torn = await loadConfig({ environment: {}, file: path })
    expect(torn.ok ? [] : torn.error).toEqual([{ place: path, problem: 'is neither valid YAML nor JSON' }])
  })

  test.each([
    [{ CERTLOCKER_POLICY__TIME_ZONE: 'Mars/Olympus' }, ['policy.timeZone']],
    [{ CERTLOCKER_POLICY__TIME_ZONE: 'Europe/Berlin' }, []],
    [{ CERTLOCKER_HTTP__TRUSTED_PROXIES: '10.0.0.0/8,10.0.0.0/99' }, ['http.trustedProxies']],
    [{ CERTLOCKER_EGRESS__PRIVATE_CIDRS: '10.0.0.1/8' }, ['egress.privateCidrs']],
    [{ DATABASE_URL: 'postgres://u:pass#word@db/x' }, ['database.url']],
    [{ DATABASE_URL: 'postgres://u:100%@db/x' }, ['database.url']],
    [{ DATABASE_URL: 'postgres://u:pass%23word@db/x?sslmode=verify-full' }, []],
    [
      { CERTLOCKER_HTTP__TLS__CERT_FILE: '/absent.pem', CERTLOCKER_HTTP__TLS__KEY_FILE: '/absent.key' },
      ['http.tls.certFile', 'http.tls.keyFile'],
    ],
  ])('%j has the right form and still cannot be meant', async (environment, places) => {
    expect(await placesOfProblems(environment)).toEqual(places)
  })

  test('takes the key of a certificate only from a file that nobody else can use', async () => {
    const tls = {
      CERTLOCKER_HTTP__TLS__CERT_FILE: file('cert.pem', 'x'),
      CERTLOCKER_HTTP__TLS__KEY_FILE: file('key.pem', 'x'),
    }
    chmodSync(tls.CERTLOCKER_HTTP__TLS__KEY_FILE, 0o644)
    const open = await loadConfig({ environment: tls })
    expect(open.ok ? [] : open.error).toEqual([
      { place: 'http.tls.keyFile', problem: expect.stringMatching(/^names .* can be used by others .*: chmod 600 /) },
    ])
    chmodSync(tls.CERTLOCKER_HTTP__TLS__KEY_FILE, 0o600)
    expect(await placesOfProblems(tls)).toEqual([])
  })

  test('does not count what belongs to the command line', async () => {
    expect(await placesOfProblems({ CERTLOCKER_URL: 'x', CERTLOCKER_API_KEY: 'x', CERTLOCKER_MCP_TOKEN: 'x' })).toEqual(
      [],
    )
  })

  test.each([
    [{ CERTLOCKER_HTTP__HOST: '127.0.0.2' }, []],
    [{ CERTLOCKER_HTTP__HOST: '::1' }, []],
    [{ CERTLOCKER_HTTP__HOST: '0.0.0.0' }, ['http.host']],
    [{ CERTLOCKER_HTTP__HOST: '0.0.0.0', CERTLOCKER_HTTP__PUBLIC_URL: 'http://a.example' }, ['http.host']],
    [{ CERTLOCKER_HTTP__HOST: '0.0.0.0', CERTLOCKER_HTTP__PUBLIC_URL: 'https://a.example' }, []],
    [
      { CERTLOCKER_HTTP__HOST: '0.0.0.0', CERTLOCKER_HTTP__TLS__CERT_FILE: own, CERTLOCKER_HTTP__TLS__KEY_FILE: own },
      [],
    ],
    [{ CERTLOCKER_HTTP__HOST: '0.0.0.0', CERTLOCKER_HTTP__ALLOW_PLAINTEXT: 'true' }, []],
  ])('%j has bearers cross a network in the clear only when told to', async (environment, places) => {
    expect(await placesOfProblems(environment)).toEqual(places)
  })

  test.each([
    ['k'.repeat(31), ['bootstrap.adminKey (CERTLOCKER_BOOTSTRAP__ADMIN_KEY)']],
    ['k'.repeat(32), []],
  ])('has an admin key that is too short: %s', async (key, places) => {
    expect(await placesOfProblems({ CERTLOCKER_BOOTSTRAP__ADMIN_KEY: key })).toEqual(places)
  })
})

test.each([
  ['file:///etc/acme.tar.gz', []],
  ['https://bundles.example.com/acme', []],
  ['oci://ghcr.io/acme/policy:live', []],
  ['http://127.0.0.1:8000/acme', []],
  ['http://[::1]:8000/acme', []],
  ['http://bundles.example.com/acme', ['policy.source']],
  ['https://bundles.example.com:99999/acme', ['policy.source']],
  ['https://robot:pass@bundles.example.com/acme', ['policy.source (CERTLOCKER_POLICY__SOURCE)']],
])('%s as a source of policies is a place that nobody between can change', async (source, places) => {
  expect(await placesOfProblems({ CERTLOCKER_POLICY__SOURCE: source })).toEqual(places)
})

describe('Vault', () => {
  const address = { VAULT_ADDR: 'https://vault.example.com' }
  const method = (name: string) => ({ CERTLOCKER_VAULT__AUTH__METHOD: name })

  test('needs what its login method needs, once it has an address', async () => {
    expect(await placesOfProblems(address)).toEqual(['vault.auth.token'])
    expect(await placesOfProblems({ ...address, ...method('approle') })).toEqual([
      'vault.auth.roleId',
      'vault.auth.secretId',
    ])
    expect(await placesOfProblems({ ...address, ...method('kubernetes') })).toEqual(['vault.auth.role'])
    await loaded({ ...address, ...method('kubernetes'), CERTLOCKER_VAULT__AUTH__ROLE: 'gateway' })
    await loaded(method('approle'))
  })

  test.each(['https://vault.example.com?x=1', 'https://vault.example.com/#a', 'https://vault.example.com:99999'])(
    'is not at %s',
    async (wrong) => {
      expect(await placesOfProblems({ VAULT_ADDR: wrong, VAULT_TOKEN: 'x' })).toEqual(['vault.address'])
    },
  )

  test.each(['../prod', 'a/../b', '.', 'a//b', '/a', 'a/', '%2e%2e', 'a?b'])('has no mount %s', async (mount) => {
    const places = await placesOfProblems({ CERTLOCKER_VAULT__MOUNTS__KV: mount })
    expect(places).toEqual(['vault.mounts.kv (CERTLOCKER_VAULT__MOUNTS__KV)'])
  })

  test('is checked against certificates that can be read', async () => {
    const places = await placesOfProblems({ CERTLOCKER_VAULT__CA_FILE: join(folder, 'absent') })
    expect(places).toEqual(['vault.caFile'])
  })

  test.each([
    ['nothing', ''],
    ['no PEM', 'see the wiki'],
    ['a certificate cut short', `${rootCertificates[0]?.slice(0, 200)}\n-----END CERTIFICATE-----\n`],
    [
      'a damaged one after a good one',
      `${rootCertificates[0]}\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----`,
    ],
  ])('is not checked against a file that holds %s', async (_, text) => {
    expect(await placesOfProblems({ CERTLOCKER_VAULT__CA_FILE: file('ca.pem', text) })).toEqual(['vault.caFile'])
  })

  test('is checked against a file that holds one certificate or several', async () => {
    for (const count of [1, 3]) {
      const ca = file('ca.pem', `# ours\n${rootCertificates.slice(0, count).join('\n')}\n`)
      expect(await placesOfProblems({ CERTLOCKER_VAULT__CA_FILE: ca })).toEqual([])
    }
  })
})

test('the file with the keys of the issuer of ID tokens can be read', async () => {
  const oidc = {
    CERTLOCKER_LAUNCHER__OIDC__ISSUER: 'https://id.example.com',
    CERTLOCKER_LAUNCHER__OIDC__AUDIENCE: 'certlocker',
  }
  const absent = { ...oidc, CERTLOCKER_LAUNCHER__OIDC__JWKS_FILE: join(folder, 'absent') }
  expect(await placesOfProblems(absent)).toEqual(['launcher.oidc.jwksFile'])
})

describe('a credential', () => {
  const secretKeys = settings.filter(({ schema }) => schema['x-secret'] === true)

  test('is what the documentation of the settings says it is', () => {
    expect(secretKeys.map(({ key }) => key)).toEqual([
      'database.url',
      'vault.auth.token',
      'vault.auth.secretId',
      'policy.sourceCredential',
      'policy.reportCredential',
      'notifications.webhook.url',
      'notifications.webhook.secret',
      'bootstrap.adminKey',
    ])
  })

  test('never shows, whether the configuration is in order or not', async () => {
    const canary = fc.stringMatching(/^canary[0-9a-f]{40}$/)
    await fc.assert(
      fc.asyncProperty(canary, fc.boolean(), async (value, isBroken) => {
        const environment: Record<string, string> = {
          DATABASE_URL: isBroken ? value : `postgres://user:${value}@host/db`,
          CERTLOCKER_VAULT__AUTH__TOKEN: value,
          CERTLOCKER_VAULT__AUTH__SECRET_ID: value,
          CERTLOCKER_BOOTSTRAP__ADMIN_KEY: value,
        }
        const result = await loadConfig({ environment })
        expect(result.ok).toBe(!isBroken)
        const shown = result.ok ? [result.value, describeConfig(result.value)] : [result.error]
        expect(inspect(shown, { depth: 20, showHidden: true }) + JSON.stringify(shown)).not.toContain(value)
      }),
    )
  })
})

describe('the documentation', () => {
  test('has a row for every setting, which says what it is', () => {
    const table = configTable()
    for (const { key, schema } of settings) {
      expect(table).toContain(`| \`${key}\` |`)
      expect(schema.description, key).toBeTruthy()
    }
  })
})

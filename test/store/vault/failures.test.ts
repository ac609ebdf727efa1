import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { VaultSettings } from '../../../src/adapters/vault/open-vault.ts'
import { Secret } from '../../../src/kernel/secret.ts'
import { type Asked, type FakeVault, fakeVault, say } from '../../support/fake-vault.ts'
import { valueOf } from '../../support/registry.ts'
import { type OpenedVault, openedVault } from '../../support/vault-sources.ts'

const path = 'secrets/sec_victim'
const canary = 'canary-5be1'

let fake: FakeVault
let vault: OpenedVault

beforeEach(async () => {
  fake = await fakeVault()
  vault = await openedVault(fake.address)
})

afterEach(async () => {
  await vault.close()
  fake.stop()
})

const opened: OpenedVault[] = []
afterAll(() => Promise.all(opened.map((each) => each.close())))
async function open(over: Partial<VaultSettings>, timeoutMs = 5_000): Promise<OpenedVault> {
  opened.push(await openedVault(fake.address, over, { timeoutMs }))
  return opened.at(-1) ?? vault
}

const appRole = { method: 'approle', roleId: 'role', secretId: new Secret('good-secret-id'), jwtFile: '' } as const
const isData = ({ path: of }: Asked) => of.startsWith('secret/')

describe('a server that', () => {
  const cases: [string, (response: ServerResponse) => unknown, string][] = [
    ['is sealed', (response) => say(response, 503, { errors: ['Vault is sealed'] }), 'sealed'],
    ['breaks', (response) => say(response, 500, { errors: [canary] }), 'it answers 500'],
    ['is asked too often', (response) => say(response, 429), 'it answers 429'],
    ['says nothing', () => undefined, 'in time'],
    ['stops in the middle', (response) => response.writeHead(200, { 'Content-Length': '99' }).write('{"da'), 'in time'],
    ['hangs up', (response) => response.destroy(), 'it cannot be reached (ECONNRESET)'],
    [
      'says too much',
      (response) => response.writeHead(200).end(`"${'x'.repeat(2 ** 21)}"`),
      'longer than 2097152 bytes',
    ],
    ['speaks no JSON', (response) => response.writeHead(200).end(`<html>${canary}`), 'no JSON'],
  ]

  test.each(cases)('%s is unavailable, and nothing of token, value or answer is told', async (_, misbehave, detail) => {
    const version = valueOf(await vault.source.write(path, new Secret(canary)))
    fake.script = (asked, response) => isData(asked) && (misbehave(response), true)
    const hasty = await open({}, 300)
    const answers = [await hasty.source.read(path, version), await hasty.source.write(path, new Secret(canary))]
    for (const answer of answers) {
      expect(answer).toMatchObject({
        ok: false,
        error: { code: 'SECRET_STORE_UNAVAILABLE', detail: expect.stringContaining(detail), cause: undefined },
      })
      expect(inspect(answer, { depth: 20 })).not.toMatch(/canary|configured-token/)
    }
    expect(hasty.metered).toContain('read unavailable')
    fake.script = undefined
    expect(valueOf(await vault.source.read(path, version)).expose()).toBe(canary)
  })

  test('redirects is not followed, wherever to, and its token is sent nowhere else', async () => {
    const followed: unknown[] = []
    const elsewhere = createServer((request, response) => {
      followed.push(request.headers)
      say(response, 200, { data: { data: { value: 'theirs' }, metadata: { version: 1 } } })
    }).listen(0, '127.0.0.1')
    const version = valueOf(await vault.source.write(path, new Secret('ours')))
    const address = elsewhere.address()
    const port = address !== null && typeof address === 'object' ? address.port : 0
    for (const status of [301, 302, 307, 308]) {
      fake.script = (asked, response) => {
        if (!isData(asked)) return false
        response.writeHead(status, { Location: `http://127.0.0.1:${port}/v1/${asked.path}` }).end()
        return true
      }
      expect(await vault.source.read(path, version)).toMatchObject({
        error: { code: 'SECRET_STORE_UNAVAILABLE', detail: expect.stringContaining('redirects') },
      })
    }
    expect(followed).toEqual([])
    elsewhere.close()
  })

  test('answers with another version, another member or none is not believed', async () => {
    const [one] = [await vault.source.write(path, new Secret('one')), await vault.source.write(path, new Secret('two'))]
    const lies = [
      { data: { value: 'two' }, metadata: { version: 2 } },
      { data: { value: 'two' }, metadata: { version: 1 } },
      { data: { value: ['one'] }, metadata: { version: 1 } },
      { data: { other: 'one' }, metadata: { version: 1 } },
      null,
    ]
    for (const data of lies) {
      fake.script = (asked, response) => isData(asked) && say(response, 200, { data })
      expect(await vault.source.read(path, valueOf(one))).toMatchObject({ error: { code: 'SECRET_VALUE_DAMAGED' } })
    }
  })

  test('refuses a write for another reason than a race is not asked again and again', async () => {
    fake.script = (asked, response) =>
      asked.method === 'POST' && asked.path.includes('/data/') && say(response, 400, { errors: [canary] })
    expect(await vault.source.write(path, new Secret('x'))).toMatchObject({ error: { code: 'SECRET_STORE_REFUSED' } })
    expect(fake.count('POST', `secret/data/certlocker/${path}`)).toBe(1)
  })
})

describe('a path', () => {
  test('that would lead elsewhere is never asked for', async () => {
    const version = valueOf(await vault.source.write(path, new Secret('x')))
    const before = fake.asked.length
    for (const trick of ['../prod/db', 'a/../b', '%2e%2e/b', 'a//b', 'a/', '/a', 'a?version=2', 'a#', 'a\\b', 'a b'])
      await expect(vault.source.read(trick, version)).rejects.toThrow(TypeError)
    expect(fake.asked).toHaveLength(before)
  })

  test('is sent with the namespace, and health without it', async () => {
    const inNamespace = await open({ namespace: 'teams/edge' })
    await inNamespace.source.write(path, new Secret('x'))
    await inNamespace.source.check()
    for (const { path: asked, headers } of fake.asked)
      expect(headers['x-vault-namespace']).toBe(asked.startsWith('sys/health') ? undefined : 'teams/edge')
  })

  test('takes neither token, namespace nor prefix from the environment', async () => {
    const names = ['VAULT_TOKEN', 'VAULT_NAMESPACE', 'VAULT_PREFIX', 'VAULT_SKIP_VERIFY'] as const
    for (const name of names) process.env[name] = `${name}-of-somebody`
    const other = await open({ auth: appRole })
    await other.source.write(path, new Secret('x'))
    for (const name of names) Reflect.deleteProperty(process.env, name)
    expect(inspect(fake.asked, { depth: 20 })).not.toContain('of-somebody')
    expect(fake.asked[0]).toMatchObject({ path: 'auth/approle/login', body: { role_id: 'role' } })
    expect(fake.asked[0]?.headers).not.toHaveProperty('x-vault-token')
  })
})

describe('the login', () => {
  test('happens once, however many ask at the same time', async () => {
    const other = await open({ auth: appRole })
    await Promise.all(Array.from({ length: 8 }, () => other.source.read(path, `v1:${'A'.repeat(43)}`)))
    expect(fake.count('POST', 'auth/approle/login')).toBe(1)
  })

  test('is repeated once when the token died in the middle of a call, which then succeeds', async () => {
    const other = await open({ auth: appRole })
    const version = valueOf(await other.source.write(path, new Secret('x')))
    fake.tokens.clear()
    const answers = await Promise.all(Array.from({ length: 5 }, () => other.source.read(path, version)))
    expect(answers.map((answer) => valueOf(answer).expose())).toEqual(Array(5).fill('x'))
    expect(fake.count('POST', 'auth/approle/login')).toBe(2)
  })

  test('is not repeated for a path that the token may not read', async () => {
    const other = await open({ auth: appRole })
    const version = valueOf(await other.source.write(path, new Secret('x')))
    fake.script = (asked, response) => isData(asked) && say(response, 403, { errors: ['permission denied'] })
    expect(await other.source.read(path, version)).toMatchObject({ error: { code: 'SECRET_STORE_REFUSED' } })
    expect(fake.count('POST', 'auth/approle/login')).toBe(1)
  })

  test('that is refused is tried again ever more rarely, and its credentials are told to nobody', async () => {
    const other = await open({ auth: { ...appRole, secretId: new Secret('bad-canary') } })
    const logins = () => fake.count('POST', 'auth/approle/login')
    const refused = await other.source.write(path, new Secret('x'))
    expect(refused).toMatchObject({ error: { code: 'SECRET_STORE_REFUSED' } })
    expect(inspect(refused, { depth: 20 })).not.toContain('canary')
    await other.source.write(path, new Secret('x'))
    expect(logins()).toBe(1)
    for (const [seconds, expected] of [
      [1, 2],
      [1, 2],
      [1, 3],
      [3, 3],
      [1, 4],
    ] as const) {
      other.clock.ms += seconds * 1000
      await other.source.write(path, new Secret('x'))
      expect(logins()).toBe(expected)
    }
  })

  test('by Kubernetes reads the service account token anew each time', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'jwt-'))
    const jwtFile = join(directory, 'token')
    await writeFile(jwtFile, 'good-jwt-1\n')
    const auth = { method: 'kubernetes', role: 'gateway', mount: 'k8s/main', jwtFile } as const
    const other = await open({ auth })
    const version = valueOf(await other.source.write(path, new Secret('x')))
    await writeFile(jwtFile, 'good-jwt-2\n')
    fake.tokens.clear()
    expect(await other.source.read(path, version)).toMatchObject({ ok: true })
    const logins = fake.asked.filter((asked) => asked.path === 'auth/k8s/main/login')
    expect(logins.map(({ body }) => body)).toEqual([
      { role: 'gateway', jwt: 'good-jwt-1' },
      { role: 'gateway', jwt: 'good-jwt-2' },
    ])
    await rm(directory, { recursive: true })
    fake.tokens.clear()
    expect(await other.source.read(path, version)).toMatchObject({ error: { code: 'SECRET_STORE_REFUSED' } })
  })
})

describe('the token', () => {
  const steps = async (of: OpenedVault, seconds: number) => {
    of.clock.ms += seconds * 1000
    await of.keepAlive()
  }

  test('is renewed at two thirds of its life, not before', async () => {
    const other = await open({ auth: appRole })
    for (const seconds of [0, 2399, 1]) await steps(other, seconds)
    expect(other.metered).toEqual(['login ok', 'renew ok'])
    await steps(other, 2399)
    expect(other.metered).toHaveLength(2)
  })

  test('that lives for a month is renewed twice a day', async () => {
    fake.grant = { ttl: 2_764_800, renewable: true }
    const other = await open({ auth: appRole })
    for (const seconds of [0, 43_199, 1]) await steps(other, seconds)
    expect(other.metered).toEqual(['login ok', 'renew ok'])
  })

  test('is replaced when it cannot be renewed, or not for long', async () => {
    const other = await open({ auth: appRole })
    await steps(other, 0)
    fake.grant = { ttl: 300, renewable: true }
    await steps(other, 2400)
    expect(other.metered).toEqual(['login ok', 'renew ok', 'login ok'])
    fake.grant = { ttl: 300, renewable: false }
    await steps(other, 200)
    await steps(other, 200)
    expect(other.metered.slice(3)).toEqual(['renew ok', 'login ok'])
  })

  test('stays in use while its renewal fails, which is tried again', async () => {
    const other = await open({ auth: appRole })
    const version = valueOf(await other.source.write(path, new Secret('x')))
    fake.script = (asked, response) => asked.path.startsWith('auth/') && say(response, 503)
    await steps(other, 2400)
    expect(await other.source.read(path, version)).toMatchObject({ ok: true })
    fake.script = undefined
    await steps(other, 59)
    expect(fake.count('POST', 'auth/token/renew-self')).toBe(1)
    await steps(other, 1)
    expect(fake.count('POST', 'auth/token/renew-self')).toBe(2)
  })

  test('whose life is over is not sent any more', async () => {
    const other = await open({ auth: appRole })
    const version = valueOf(await other.source.write(path, new Secret('x')))
    other.clock.ms += 3_600_000
    expect(await other.source.read(path, version)).toMatchObject({ ok: true })
    expect(fake.count('GET', 'auth/token/lookup-self')).toBe(0)
    expect(fake.count('POST', 'auth/approle/login')).toBe(2)
  })

  test('that was configured and is good for ever is never renewed', async () => {
    for (const seconds of [0, 10 ** 8]) await steps(vault, seconds)
    expect(vault.metered).toEqual(['lookup ok'])
  })
})

describe('readiness', () => {
  test.each([
    ['is sealed', 503, 'vault is sealed'],
    ['has no keys yet', 501, 'vault is not in service'],
  ])('says that Vault %s', async (_, status, detail) => {
    fake.script = (asked, response) => asked.path.startsWith('sys/health') && say(response, status, {})
    expect(await vault.source.check()).toEqual({ ok: false, detail })
  })

  test('says that Vault cannot be reached, and not where it is', async () => {
    fake.stop()
    expect(await vault.source.check()).toEqual({ ok: false, detail: 'vault is unreachable' })
  })
})

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Secret } from '../../../src/kernel/secret.ts'
import { exercised } from '../../support/components.ts'
import { type FakeVault, fakeVault } from '../../support/fake-vault.ts'
import { type DevServer, startDevServer } from '../../support/open-bao.ts'
import { valueOf } from '../../support/registry.ts'
import { until } from '../../support/until.ts'
import { type OpenedVault, openedVault, tokenAuth } from '../../support/vault-sources.ts'
import { describeSecretSource } from '../secrets/secret-source.contract.ts'

const servers = {
  bao: await startDevServer('bao'),
  vault: await startDevServer('vault'),
}

describe('on a server of ours', () => {
  let fake: FakeVault
  let vault: OpenedVault

  beforeAll(async () => {
    fake = await fakeVault()
    vault = await openedVault(fake.address)
  })

  afterAll(async () => {
    await vault.close()
    fake.stop()
  })

  describeSecretSource('Vault', () => vault.source)
})

describe.each(Object.entries(servers))('on a real server, %s,', (_, server) => {
  describe.skipIf(server === undefined)('which is installed,', () => {
    if (server !== undefined) describeOn(server)
  })
})

function describeOn(server: DevServer): void {
  let vault: OpenedVault
  const path = 'secrets/sec_victim'
  const own = `secret/data/certlocker/${path}`
  const write = async (text: string) => valueOf(await vault.source.write(path, new Secret(text)))
  const read = (version: string) => vault.source.read(path, version)

  beforeAll(async () => {
    vault = await openedVault(server.address, { auth: tokenAuth(server.rootToken) })
    exercised('vault')
  })

  afterAll(async () => {
    await vault.close()
    await server.stop()
  })

  describeSecretSource('its KV engine', () => vault.source)

  test('keeps more versions than the mount would, and says which one it is', async () => {
    const versions: string[] = []
    for (let index = 0; index < 12; index++) versions.push(await write(`value ${index}`))
    expect(versions[0]).toMatch(/^v1:/)
    expect(valueOf(await read(versions[0] ?? '')).expose()).toBe('value 0')
    const { data } = await server.api('GET', `secret/metadata/certlocker/${path}`)
    expect(data).toMatchObject({ current_version: 12, cas_required: true, max_versions: 10_000 })
  })

  test('refuses a mount that would drop the value after a time', async () => {
    await server.api('POST', 'sys/mounts/fleeting', { type: 'kv', options: { version: '2' } })
    await until(() => accepts(server, 'fleeting/config', { delete_version_after: '1h' }))
    const over = { mounts: { kv: 'fleeting' }, auth: tokenAuth(server.rootToken) }
    const opened = await openedVault(server.address, over)
    expect(await opened.source.write(path, new Secret('fades'))).toMatchObject({
      error: { code: 'SECRET_STORE_REFUSED', detail: expect.stringContaining('delete_version_after') },
    })
    await opened.close()
  })

  test.each([
    ['deleted', 'POST', 'delete'],
    ['destroyed', 'PUT', 'destroy'],
  ])('has no value for a version that was %s behind our back, every time', async (_, method, how) => {
    const version = await write('gone soon')
    await server.api(method, `secret/${how}/certlocker/${path}`, { versions: [numberIn(version)] })
    for (let tries = 0; tries < 2; tries++)
      expect(await read(version)).toMatchObject({ ok: false, error: { code: 'SECRET_VALUE_MISSING' } })
  })

  test('never gives another value under a version, also when the entry was deleted whole and written anew', async () => {
    const first = await write('ours')
    await server.api('DELETE', `secret/metadata/certlocker/${path}`)
    for (let number = 1; number <= numberIn(first); number++)
      await server.api('POST', own, { data: { value: 'theirs' } })
    expect(await read(first)).toMatchObject({ ok: false, error: { code: 'SECRET_VALUE_DAMAGED' } })
  })

  test('takes over what others wrote, as it is now', async () => {
    await server.api('POST', 'secret/data/teams/edge/db', { data: { password: 'one', user: 'app', port: 5432 } })
    const version = valueOf(await vault.source.adopt('teams/edge/db', 'password'))
    await server.api('POST', 'secret/data/teams/edge/db', { data: { password: 'two' } })
    expect(valueOf(await vault.source.read('teams/edge/db', version)).expose()).toBe('one')
    for (const [entry, field] of [
      ['teams/edge/none', 'password'],
      ['teams/edge/db', 'port'],
      ['teams/edge/db', 'absent'],
      ['teams/edge/db', 'constructor'],
    ] as const)
      expect(await vault.source.adopt(entry, field)).toMatchObject({ ok: false, error: { code: 'REFERENCE_UNKNOWN' } })
  })

  test('takes over nothing of its own, and no path that leads elsewhere', async () => {
    for (const entry of [`certlocker/${path}`, 'a/../b', '.', '%2e%2e/x', 'a//b', '/a', 'a/', 'a?b', 'a#b', 'ä', ''])
      expect(await vault.source.adopt(entry, 'value')).toMatchObject({ ok: false, error: { code: 'ARGUMENT_INVALID' } })
  })

  test('logs in by AppRole with no more rights than the documentation asks for, and comes back after its token was revoked', async () => {
    const auth = await appRole(server, 'gateway', { token_ttl: '60s' })
    const opened = await openedVault(server.address, { auth })
    const version = valueOf(await opened.source.write('secrets/sec_role', new Secret('by role')))
    expect(await opened.source.check()).toEqual({ ok: true, detail: 'vault' })
    const { data } = await server.api('LIST', 'auth/token/accessors')
    for (const accessor of Object(data).keys) {
      const found = await server.api('POST', 'auth/token/lookup-accessor', { accessor })
      if (Object(found['data']).path === 'auth/approle/login')
        await server.api('POST', 'auth/token/revoke-accessor', { accessor })
    }
    expect(valueOf(await opened.source.read('secrets/sec_role', version)).expose()).toBe('by role')
    expect(await opened.source.adopt('teams/edge/db', 'password')).toMatchObject({
      error: { code: 'SECRET_STORE_REFUSED' },
    })
    await opened.close()
  })

  test('renews its token in time', async () => {
    const auth = await appRole(server, 'renewing', { token_ttl: '30s', token_max_ttl: '1h' })
    const opened = await openedVault(server.address, { auth })
    await opened.keepAlive()
    opened.clock.ms += 21_000
    await opened.keepAlive()
    expect(opened.metered).toEqual(['login ok', 'renew ok'])
    await opened.close()
  })

  test('says which part of it is not as it should be', async () => {
    await server.api('POST', 'sys/mounts/old', { type: 'kv', options: { version: '1' } })
    const over = { mounts: { kv: 'old' }, auth: tokenAuth(server.rootToken) }
    const wrongEngine = await openedVault(server.address, over)
    expect(await wrongEngine.source.check()).toEqual({ ok: false, detail: 'the mount is no KV engine of version 2' })
    const stranger = await openedVault(server.address, { auth: tokenAuth('wrong') })
    expect(await stranger.source.check()).toEqual({ ok: false, detail: 'vault refuses the gateway' })
    await server.api('PUT', 'sys/seal')
    expect(await vault.source.check()).toEqual({ ok: false, detail: 'vault is sealed' })
    expect(await read(`v1:${'A'.repeat(43)}`)).toMatchObject({ error: { code: 'SECRET_STORE_UNAVAILABLE' } })
  })
}

const [, documentedPolicy = 'the README shows no policy'] =
  /```hcl\n([\s\S]*?)```/u.exec(readFileSync('README.md', 'utf8')) ?? []

async function appRole(server: DevServer, role: string, settings: object) {
  await server.api('POST', 'sys/auth/approle', { type: 'approle' }).catch(() => undefined)
  await server.api('PUT', `sys/policies/acl/${role}`, { policy: documentedPolicy })
  await server.api('POST', `auth/approle/role/${role}`, { token_policies: role, ...settings })
  const roleId = String(Object((await server.api('GET', `auth/approle/role/${role}/role-id`))['data']).role_id)
  const { data } = await server.api('POST', `auth/approle/role/${role}/secret-id`)
  return { method: 'approle', roleId, secretId: new Secret(String(Object(data).secret_id)), jwtFile: '' } as const
}

async function accepts(server: DevServer, path: string, body: object): Promise<boolean> {
  return server.api('POST', path, body).then(
    () => true,
    () => false,
  )
}

function numberIn(version: string): number {
  return Number(/^v(\d+):/.exec(version)?.[1])
}

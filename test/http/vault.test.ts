import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exercised } from '../support/components.ts'
import { startDevServer } from '../support/open-bao.ts'
import { type Person, person } from '../support/person.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

const server = await startDevServer('bao')
const canary = 'canary-vault-61d0'

describe('without Vault', () => {
  test('an entry of it cannot be taken over, and the answer says what is missing', async () => {
    const gateway = await testGateway()
    await gateway.api.create('/groups', { name: 'edge', environment: 'staging', vaultPrefixes: ['teams/edge/'] })
    const source = { path: 'teams/edge/db', field: 'password' }
    const answer = await gateway.api.post('/secrets', { name: 'db', groups: ['edge'], source })
    expect(answer.status).toBe(400)
    expect(JSON.stringify(answer.body)).toContain('vault.address')
    await gateway.stop()
  })
})

describe('while Vault is away', () => {
  test('the gateway starts, and is not ready', async () => {
    const gateway = await testGateway({ VAULT_ADDR: 'http://127.0.0.1:1', VAULT_TOKEN: 'token-of-a-test' })
    expect(await (await fetch(`${gateway.url}/health/ready`)).json()).toMatchObject({
      ready: false,
      checks: { secrets: { ok: false, detail: 'vault is unreachable' }, database: { ok: true } },
    })
    await gateway.stop()
  })
})

describe.skipIf(server === undefined)('with Vault, the gateway', () => {
  let gateway: TestGateway
  let ana: Person

  beforeAll(async () => {
    if (server === undefined) return
    const vaultless = await testGateway()
    await vaultless.api.create('/groups', { name: 'edge', environment: 'staging', vaultPrefixes: ['teams/edge'] })
    await vaultless.api.create('/groups', { name: 'other', environment: 'staging', vaultPrefixes: ['teams/other/'] })
    await vaultless.api.create('/secrets', { name: 'sealed-before', groups: ['edge'], value: 'sealed' })
    gateway = await vaultless.restart({ VAULT_ADDR: server.address, VAULT_TOKEN: server.rootToken })
    ana = await person(gateway, 'ana@example.com', 'operator', ['edge'])
    await server.api('POST', 'secret/data/teams/edge/db', { data: { password: canary } })
    await server.api('POST', 'secret/data/teams/edge-2/db', { data: { password: canary } })
    exercised('vault')
  })

  afterAll(async () => {
    await gateway.stop()
    await server?.stop()
  })

  const asAdmin = () => ({ headers: { authorization: `Bearer ${gateway.adminKey}` } })
  const ready = async (): Promise<unknown> => (await fetch(`${gateway.url}/health/ready`)).json()
  const reveal = async (name: string, version?: number) =>
    (await ana.api.post(`/secrets/${name}/reveal`, version === undefined ? {} : { version })).body
  const adopt = (path: string, over: object = {}) =>
    gateway.api.post('/secrets', { name: 'db', groups: ['edge'], source: { path, field: 'password' }, ...over })

  test('keeps new values there, and still reads those that it had sealed', async () => {
    await gateway.api.create('/secrets', { name: 'new', groups: ['edge'], value: canary })
    expect((await reveal('new'))['value']).toBe(canary)
    expect((await reveal('sealed-before'))['value']).toBe('sealed')
    await ana.api.post('/secrets/sealed-before/versions', { value: 'moved' })
    expect((await reveal('sealed-before'))['value']).toBe('moved')
    expect((await reveal('sealed-before', 0))['value']).toBe('sealed')
    const listed = await server?.api('LIST', 'secret/metadata/certlocker/secrets')
    expect(Object(listed?.['data']).keys).toHaveLength(2)
  })

  test("takes over an admin's entry of the group as it is now, and says where it came from", async () => {
    expect(await adopt('teams/edge/db')).toMatchObject({ status: 201, body: { name: 'db', version: 0 } })
    await server?.api('POST', 'secret/data/teams/edge/db', { data: { password: 'changed since' } })
    expect((await reveal('db'))['value']).toBe(canary)
    const versions = await gateway.api.get('/secrets/db/versions')
    expect(versions.body['items']).toMatchObject([{ version: 0, source: { path: 'teams/edge/db', field: 'password' } }])
    await ana.api.post('/secrets/db/versions', { value: 'ours' })
    const theirs = await server?.api('GET', 'secret/data/teams/edge/db')
    expect(theirs?.['data']).toMatchObject({ data: { password: 'changed since' }, metadata: { version: 2 } })
    await ana.api.post('/secrets/db/restore', { version: 0 })
    expect((await reveal('db'))['value']).toBe(canary)
  })

  test.each([
    ['another folder that begins alike', 'teams/edge-2/db', 'GROUP_NOT_PERMITTED'],
    ['another group', 'teams/other/db', 'GROUP_NOT_PERMITTED'],
    ['a way out of the folder', 'teams/edge/../edge-2/db', 'ARGUMENT_INVALID'],
    ['a disguised way out', 'teams/edge/%2e%2e/edge-2/db', 'ARGUMENT_INVALID'],
    ['what does not exist', 'teams/edge/nothing', 'REFERENCE_UNKNOWN'],
  ])('takes over nothing of %s', async (_, path, code) => {
    expect(await adopt(path, { name: 'refused' })).toMatchObject({ status: 400, body: { error: { code } } })
    expect((await gateway.api.get('/secrets/refused')).status).toBe(404)
  })

  test('takes over nothing together with a value, nor for nobody', async () => {
    expect((await adopt('teams/edge/db', { name: 'refused', value: 'x' })).status).toBe(400)
    expect((await gateway.api.post('/secrets', { name: 'refused', groups: ['edge'] })).status).toBe(400)
    const isPrivate = { name: 'refused', groups: [], kind: 'private', owner: ana.email }
    expect((await adopt('teams/edge/db', isPrivate)).status).toBe(400)
  })

  test('takes over nothing for an operator, who is told and recorded', async () => {
    const source = { path: 'teams/edge/db', field: 'password' }
    const answer = await ana.api.post('/secrets', { name: 'mine', groups: ['edge'], source })
    expect(answer).toMatchObject({ status: 403, body: { error: { code: 'SOURCE_FOR_ADMINS' } } })
    expect(gateway.auditLines.some((line) => line.includes('code=SOURCE_FOR_ADMINS'))).toBe(true)
  })

  test('says in its readiness and its metrics how Vault is', async () => {
    expect(await ready()).toMatchObject({ checks: { secrets: { ok: true, detail: 'vault' } } })
    const metrics = await (await fetch(`${gateway.url}/metrics`, asAdmin())).text()
    for (const labels of ['operation="write",outcome="ok"', 'operation="read",outcome="missing"'])
      expect(metrics).toContain(`certlocker_vault_request_seconds_count{${labels}}`)
    expect(metrics).not.toContain('teams')
  })

  test('lets no value and no token into log, database or metrics', async () => {
    const exported = await gateway.api.get('/audit/export')
    const told = gateway.auditLines.join('\n') + JSON.stringify(exported.body)
    expect(told).not.toContain(canary)
    expect(told).not.toContain(server?.rootToken)
  })

  test('is not ready while Vault is sealed, and refuses', async () => {
    await server?.api('PUT', 'sys/seal')
    expect(await ready()).toMatchObject({ ready: false, checks: { secrets: { ok: false, detail: 'vault is sealed' } } })
    expect(await ana.api.post('/secrets/db/reveal')).toMatchObject({
      status: 503,
      body: { error: { code: 'SECRET_STORE_UNAVAILABLE' } },
    })
  })
})

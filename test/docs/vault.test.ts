import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findVaultTool } from '../components/openbao.ts'
import { faults } from '../../src/kernel/faults.ts'
import { exercised } from '../support/components.ts'
import { startDevServer } from '../support/open-bao.ts'
import { person } from '../support/person.ts'
import { blocksOf, type Reader, reader } from '../support/reader.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

const page = 'docs/vault.md'
const server = await startDevServer('bao')

test('docs/vault.md names codes that there are', async () => {
  const named = (await readFile(page, 'utf8')).match(/`SECRET_\w+`/gu) ?? []
  expect(named.length).toBeGreaterThan(3)
  expect(named.filter((code) => !Object.keys(faults).includes(code.slice(1, -1)))).toEqual([])
})

describe.skipIf(server === undefined)('docs/vault.md', { timeout: 120_000 }, () => {
  let ana: Reader
  let gateway: TestGateway
  beforeAll(async () => {
    exercised('vault')
    const bao = (await findVaultTool('bao'))?.path ?? ''
    ana = await reader({ BAO_ADDR: server?.address ?? '', BAO_TOKEN: server?.rootToken ?? '' })
    ana.environment['PATH'] += `:${dirname(bao)}`
    await server?.api('POST', 'secret/data/teams/staging/db', { data: { password: 'first' } })
  })
  afterAll(async () => {
    await gateway.stop()
    await ana.leave()
    await server?.stop()
  })

  test('sets up a role, keeps values in Vault, takes an entry over, and takes over what it became', async () => {
    const [role, keep, adopt, newer, ...rest] = (await blocksOf(page))
      .filter(({ language, name }) => language === 'sh' && name !== 'start')
      .map(({ text }) => text)
    expect(rest).toEqual([])
    await ana.run(role ?? '')
    const login = async (name: string) => (await readFile(join(ana.folder, name), 'utf8')).trim()
    gateway = await testGateway({
      CERTLOCKER_VAULT__ADDRESS: server?.address ?? '',
      CERTLOCKER_VAULT__AUTH__METHOD: 'approle',
      CERTLOCKER_VAULT__AUTH__ROLE_ID: await login('role-id'),
      CERTLOCKER_VAULT__AUTH__SECRET_ID: await login('secret-id'),
    })
    Object.assign(ana.environment, { CERTLOCKER_URL: gateway.url, CERTLOCKER_API_KEY: gateway.adminKey })
    expect(await (await fetch(`${gateway.url}/health/ready`)).json()).toMatchObject({
      checks: { secrets: { ok: true, detail: 'vault' } },
    })

    await ana.run(keep ?? '')
    const { api } = await person(gateway, 'ope@example.com', 'operator', ['staging'])
    const reveal = async (name: string) => (await api.post(`/secrets/${name}/reveal`)).body['value']
    expect(await reveal('staging-login')).toBe('s3cret')
    await ana.run(adopt ?? '')
    expect(await reveal('staging-db')).toBe('first')
    await server?.api('POST', 'secret/data/teams/staging/db', { data: { password: 'second' } })
    expect(await reveal('staging-db')).toBe('first')
    await ana.run(newer ?? '')
    expect(await reveal('staging-db')).toBe('second')
  })

  test('is not led to a newer version by another way: it is refused, and says what is not known', async () => {
    const source = { path: 'teams/staging/db', field: 'password' }
    const answer = await gateway.api.post('/secrets/staging-db/versions', { source })
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'ARGUMENT_INVALID' } } })
    expect(JSON.stringify(answer.body)).toContain('source')
  })
})

import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { itemsOf, namesIn } from '../support/items.ts'
import { operator, type Person, person } from '../support/person.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
let ana: Person
let pia: Person
const canary = `canary-${randomBytes(12).toString('hex')}`

beforeAll(async () => {
  gateway = await testGateway()
  for (const [name, environment] of [
    ['edge', 'staging'],
    ['prod', 'production'],
  ])
    await gateway.api.create('/groups', { name, environment })
  ana = await operator(gateway, 'ana@example.com', ['edge'])
  pia = await operator(gateway, 'pia@example.com', ['edge', 'prod'])
  await gateway.api.create('/secrets', { name: 'edge-key', groups: ['edge'], type: 'api_key', value: canary })
})
afterAll(() => gateway.stop())

describe('a secret', () => {
  test('shows what is known about it and never its value', async () => {
    const shown = await gateway.api.get('/secrets/edge-key')
    expect(shown.body).toMatchObject({
      name: 'edge-key',
      kind: 'shared',
      disclosure: 'raw',
      groups: ['edge'],
      environment: 'staging',
      version: 0,
    })
    expect(namesIn((await ana.api.get('/secrets')).body)).toEqual(['edge-key'])
    for (const path of ['/secrets', '/secrets/edge-key', '/secrets/edge-key/versions', '/audit']) {
      expect(JSON.stringify((await gateway.api.get(path)).body)).not.toContain(canary)
    }
  })

  test('is revealed to a person, on record, and not to a service account', async () => {
    const revealed = await ana.api.post('/secrets/edge-key/reveal')
    expect(revealed.body).toEqual({ name: 'edge-key', version: 0, value: canary })
    const { body } = await gateway.api.get('/audit?type=SECRET_REVEALED')
    expect(itemsOf(body)[0]).toMatchObject({
      actor: { kind: 'person', name: ana.email },
      resource: { name: 'edge-key', version: 0 },
    })
    expect((await gateway.api.post('/secrets/edge-key/reveal')).status).toBe(403)
  })

  test('has versions from 0; an older one is restored as a new one', async () => {
    await gateway.api.create('/secrets', { name: 'rotating', groups: ['edge'], value: 'first' })
    expect((await ana.api.post('/secrets/rotating/versions', { value: 'second' })).body).toMatchObject({ version: 1 })
    expect((await ana.api.post('/secrets/rotating/restore', { version: 0 })).body).toMatchObject({ version: 2 })
    expect((await ana.api.post('/secrets/rotating/reveal')).body).toMatchObject({ version: 2, value: 'first' })
    expect((await ana.api.post('/secrets/rotating/reveal', { version: 1 })).body).toMatchObject({ value: 'second' })
    expect(
      itemsOf((await ana.api.get('/secrets/rotating/versions')).body).map(({ version, restoredFrom }) => [
        version,
        restoredFrom,
      ]),
    ).toEqual([
      [2, 0],
      [1, null],
      [0, null],
    ])
    expect((await ana.api.post('/secrets/rotating/restore', { version: 9 })).status).toBe(404)
  })

  test('is gone after DELETE, and its name is free for another', async () => {
    await gateway.api.create('/secrets', { name: 'brief', groups: ['edge'], value: 'one' })
    expect((await ana.api.delete('/secrets/brief')).status).toBe(200)
    expect((await gateway.api.get('/secrets/brief')).status).toBe(404)
    expect((await gateway.api.post('/secrets', { name: 'brief', groups: ['edge'], value: 'two' })).status).toBe(201)
  })

  test('in a group that the operator lacks is neither shown, changed nor created', async () => {
    await gateway.api.create('/secrets', { name: 'prod-db-password', groups: ['prod'], value: 'x' })
    expect((await ana.api.get('/secrets/prod-db-password')).status).toBe(403)
    expect((await ana.api.post('/secrets/prod-db-password/versions', { value: 'mine' })).status).toBe(403)
    expect((await ana.api.post('/secrets', { name: 'sneaky', groups: ['prod'], value: 'x' })).status).toBe(403)
    expect((await ana.api.patch('/secrets/edge-key', { groups: ['edge', 'prod'] })).status).toBe(403)
    expect((await pia.api.patch('/secrets/prod-db-password', { description: 'ok' })).status).toBe(200)
  })

  test("that is private is its owner's alone among operators, and not in their lists", async () => {
    await gateway.api.create('/secrets', { name: 'anas-token', kind: 'private', owner: ana.email, value: 'p' })
    expect((await ana.api.get('/secrets/anas-token')).status).toBe(200)
    expect((await pia.api.get('/secrets/anas-token')).status).toBe(403)
    expect(namesIn((await ana.api.get('/secrets')).body)).toContain('anas-token')
    expect(namesIn((await pia.api.get('/secrets')).body)).not.toContain('anas-token')
    expect(namesIn((await gateway.api.get('/secrets?kind=private')).body)).toEqual(['anas-token'])
  })

  test('of 64 KiB is stored, of one byte more refused without being quoted', async () => {
    const fits = await gateway.api.post('/secrets', { name: 'large', groups: ['edge'], value: 'x'.repeat(65_536) })
    expect(fits.status).toBe(201)
    const over = await gateway.api.post('/secrets', { name: 'larger', groups: ['edge'], value: 'y'.repeat(65_537) })
    expect(over.status).toBe(400)
    expect(JSON.stringify(over.body)).not.toContain('yyyy')
  })

  test('leaves its value in no audit line, event or recorded decision', async () => {
    expect(gateway.auditLines.join('\n')).not.toContain(canary)
    const exported = await gateway.api.get('/audit/export')
    expect(String(exported.body['text'])).toContain('hmac-sha256:')
    expect(String(exported.body['text'])).not.toContain(canary)
  })
})

describe('a service account', () => {
  test('is told that a value is for a person, and how to become one', async () => {
    const refused = await gateway.api.post('/secrets/edge-key/reveal')
    expect(refused.status).toBe(403)
    expect(refused.body).toMatchObject({
      error: {
        code: 'PERSON_ONLY',
        message:
          'Access denied. A value is revealed to a person only, not to a service account: register one (certlocker people create), make them an API key (certlocker api-keys create) and use that',
      },
    })
  })
})

describe('an auditor', () => {
  test('sees what is known about every secret, and no value', async () => {
    const aud = await person(gateway, 'aud@example.com', 'auditor')
    expect(namesIn((await aud.api.get('/secrets')).body)).toEqual(
      expect.arrayContaining(['edge-key', 'prod-db-password']),
    )
    expect((await aud.api.post('/secrets/edge-key/reveal')).status).toBe(403)
    expect((await aud.api.get('/audit/verify')).status).toBe(200)
  })
})

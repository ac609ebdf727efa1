import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { routes } from '../../src/transport/rest/routes.ts'
import { given } from '../support/given.ts'
import { namesIn } from '../support/items.ts'
import { operator } from '../support/person.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway

beforeAll(async () => {
  gateway = await testGateway()
  await given(gateway, { agents: [{ name: 'bot', groups: ['edge'] }] })
})
afterAll(() => gateway.stop())

const token = { agentId: 'bot', name: 'laptop', groups: ['edge'], ttlSeconds: 3600 }

async function send(method: string, path: string, key: string, body: object, bearer = gateway.adminKey) {
  const response = await fetch(`${gateway.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify(body),
  })
  const answer: unknown = await response.json()
  return { status: response.status, answer, isReplayed: response.headers.get('idempotency-replayed') === 'true' }
}

describe('a request under an Idempotency-Key', () => {
  test('takes effect once: repeated, it is given the first answer without the value that is shown once', async () => {
    const first = await send('POST', '/tokens', 'key-1', token)
    const again = await send('POST', '/tokens', 'key-1', token)

    expect(first).toMatchObject({
      status: 201,
      isReplayed: false,
      answer: { value: expect.stringMatching(/^clk_mcp_/) },
    })
    const { value: _value, ...lasting } = first.answer as { value: string }
    expect(again).toEqual({ status: 201, isReplayed: true, answer: lasting })
    expect(namesIn((await gateway.api.get('/tokens?agent=bot')).body).filter((name) => name === 'laptop')).toHaveLength(
      1,
    )
  })

  test('is carried out by one of many that arrive together', async () => {
    const sent = await Promise.all(
      Array.from({ length: 8 }, () => send('POST', '/tokens', 'key-2', { ...token, name: 'raced' })),
    )
    expect(sent.filter(({ status, isReplayed }) => status === 201 && !isReplayed)).toHaveLength(1)
    for (const { status, isReplayed, answer } of sent)
      if (status !== 201)
        expect({ status, isReplayed, answer }).toMatchObject({
          status: 409,
          answer: { error: { code: 'IDEMPOTENCY_KEY_IN_USE' } },
        })
    expect(namesIn((await gateway.api.get('/tokens?agent=bot')).body).filter((name) => name === 'raced')).toHaveLength(
      1,
    )
  })

  test('is refused when the key belongs to another request, and leaves no trace of it', async () => {
    await send('POST', '/groups', 'key-3', { name: 'first', environment: 'staging' })
    const other = await send('POST', '/groups', 'key-3', { name: 'second', environment: 'staging' })
    expect(other).toMatchObject({ status: 422, answer: { error: { code: 'IDEMPOTENCY_KEY_REUSED' } } })
    expect((await gateway.api.get('/groups/second')).status).toBe(404)
  })

  test('leaves the key free when it was refused, so that it can be mended', async () => {
    expect((await send('POST', '/groups', 'key-4', { name: 'Wrong!', environment: 'staging' })).status).toBe(400)
    expect((await send('POST', '/groups', 'key-4', { name: 'right', environment: 'staging' })).status).toBe(201)
  })

  test('shares its key with nobody else', async () => {
    const bob = await operator(gateway, 'bob@example.com', ['edge'])
    await send('POST', '/groups', 'key-5', { name: 'mine', environment: 'staging' })
    const his = await send('POST', '/groups', 'key-5', { name: 'mine', environment: 'staging' }, bob.value)
    expect(his.status).toBe(403)
  })

  test('is refused when the key is too long', async () => {
    const malformed = await send('POST', '/groups', 'a'.repeat(256), { name: 'never', environment: 'staging' })
    expect(malformed).toMatchObject({ status: 400, answer: { error: { code: 'IDEMPOTENCY_KEY_INVALID' } } })
  })
})

test('every answer that shows a value once says so to whoever keeps answers', () => {
  // The facts of a call have values too, and none of them is secret.
  const showing = routes.filter(
    ({ id, method, response }) =>
      method !== 'GET' && id !== 'evaluatePolicy' && JSON.stringify(response).includes('"value"'),
  )
  expect(showing.map(({ id, onceShown }) => [id, onceShown])).toEqual([
    ['createApiKey', ['value']],
    ['createToken', ['value']],
    ['revealSecret', ['value']],
  ])
})

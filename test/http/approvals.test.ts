import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../support/agent.ts'
import { given, owner } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { operator, type Person, person } from '../support/person.ts'
import { restClient } from '../support/rest-client.ts'
import { type TravellingGateway, travellingGateway } from '../support/travelling-gateway.ts'
import type { TestGateway } from '../support/test-gateway.ts'

const READ = 'certlocker_get_secret'
const names = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten']

let time: TravellingGateway
let gateway: TestGateway
let tokens: Readonly<Record<string, string>>
let bo: Person
let root: Person

beforeAll(async () => {
  time = await travellingGateway({
    CERTLOCKER_APPROVALS__USE_SECONDS: '30',
    CERTLOCKER_APPROVALS__DECIDE_SECONDS: '60',
  })
  gateway = time.gateway
  tokens = await given(gateway, {
    agents: [
      { name: 'deployer', groups: ['prod'] },
      { name: 'critical', groups: ['prod'], riskLevel: 'critical' },
      { name: 'flooder', groups: ['prod'] },
    ],
    secrets: names.map((name) => ({ name, groups: ['prod'] })),
  })
  bo = await person(gateway, 'bo@example.com', 'approver', ['prod'])
  root = await person(gateway, 'root@example.com', 'admin')
})
afterAll(() => gateway.stop())

async function waiting(secret: string, agent = 'deployer', headers: Readonly<Record<string, string>> = {}) {
  const client = await connect(gateway.url, tokens[agent] ?? '', { headers, name: `client-for-${secret}` })
  const { structured } = await client.calls(READ, { name: secret })
  expect(structured['status']).toBe('approval_required')
  return { id: String(structured['approvalId']), again: () => client.calls(READ, { name: secret }) }
}

const approve = (api: Person['api'], id: string) => api.post(`/approvals/${id}/approve`, { comment: '' })

async function keyOf(email: string, minter: Person['api']) {
  const { value } = await minter.create('/api-keys', { person: email, name: 'more', ttlSeconds: 600 })
  return restClient(gateway.url, String(value))
}

describe('who decides', () => {
  test('is a person with the role in one of the groups, and no service account', async () => {
    const { id } = await waiting('one')
    const eve = await person(gateway, 'eve@example.com', 'approver', [])
    const olga = await operator(gateway, 'olga@example.com', ['prod'])
    const refusals = [
      [eve.api, 'GROUP_NOT_HELD'],
      [olga.api, 'ROLE_NOT_PERMITTED'],
      [gateway.api, 'PERSON_ONLY'],
    ] as const
    for (const [api, code] of refusals)
      expect(await approve(api, id)).toMatchObject({ status: 403, body: { error: { code } } })
    expect(await approve(bo.api, id)).toMatchObject({ status: 200, body: { status: 'approved' } })
  })

  test('is never the owner, under another account or key either, and each try is on record', async () => {
    await gateway.api.patch(`/people/${owner}`, { role: 'admin' })
    const ana = await keyOf(owner, gateway.api)
    await person(gateway, 'second-account@example.com', 'approver', ['prod'])
    const { id } = await waiting('two')
    const minted = await keyOf('second-account@example.com', ana)
    await gateway.api.patch('/people/second-account@example.com', { role: 'admin' })
    const mintedOnward = await keyOf('bo@example.com', minted)
    const refusals = [
      [ana, "Access denied. The agent's owner does not decide its approvals"],
      [minted, "Access denied. This API key was minted by the agent's owner"],
      [mintedOnward, "Access denied. This API key was minted by the agent's owner"],
    ] as const
    for (const [api, message] of refusals)
      expect(await approve(api, id)).toMatchObject({
        status: 403,
        body: { error: { code: 'APPROVER_CONFLICT', message } },
      })
    const tries = itemsOf((await gateway.api.get('/audit?type=API_POLICY_DENIED&limit=3')).body)
    expect(tries.map(({ code, details }) => [code, JSON.stringify(details).includes(id)])).toEqual(
      Array.from({ length: 3 }, () => ['APPROVER_CONFLICT', true]),
    )
    await gateway.api.patch('/agents/deployer', { owner: 'root@example.com' })
    expect((await approve(ana, id)).status).toBe(403)
    await gateway.api.patch('/agents/deployer', { owner })
    expect((await approve(bo.api, id)).status).toBe(200)
    await gateway.api.patch(`/people/${owner}`, { role: 'operator' })
  })

  test('is not who launched the agent, as far as its client says', async () => {
    const { id } = await waiting('three', 'deployer', { 'x-certlocker-launched-by': 'Bo@Example.com' })
    expect(await approve(bo.api, id)).toMatchObject({ status: 403, body: { error: { code: 'APPROVER_CONFLICT' } } })
    expect((await approve(root.api, id)).status).toBe(200)
  })

  test('are as many people as the policy asks for, each once', async () => {
    const { id, again } = await waiting('four', 'critical')
    expect(await approve(bo.api, id)).toMatchObject({ status: 200, body: { status: 'pending' } })
    expect(await approve(await keyOf('bo@example.com', gateway.api), id)).toMatchObject({
      status: 409,
      body: { error: { message: 'You have voted already' } },
    })
    expect((await again()).structured['status']).toBe('approval_required')
    expect(await approve(root.api, id)).toMatchObject({ status: 200, body: { status: 'approved' } })
    expect((await again()).structured['status']).toBe('ok')
  })

  test('decides once although two race', async () => {
    const { id } = await waiting('five')
    const answers = await Promise.all([approve(bo.api, id), approve(root.api, id)])
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409])
    const decided = itemsOf((await gateway.api.get('/audit?type=APPROVAL_APPROVED&limit=1')).body)
    expect(decided).toMatchObject([{ details: { approvalId: id } }])
  })

  test('counts only while they may still approve: a disabled approver has approved nothing', async () => {
    const kim = await person(gateway, 'kim@example.com', 'approver', ['prod'])
    const { id, again } = await waiting('six')
    await approve(kim.api, id)
    await gateway.api.patch('/people/kim@example.com', { disabled: true })
    const answer = await again()
    expect(answer.structured['status']).toBe('approval_required')
    expect(answer.structured['approvalId']).not.toBe(id)
    expect((await gateway.api.get(`/approvals/${id}`)).body['status']).toBe('cancelled')
  })
})

describe('the two clocks', () => {
  test('an approval that ran out is decided no more, and the next call opens another', async () => {
    const { id, again } = await waiting('seven')
    await time.pass(60)
    expect(await approve(bo.api, id)).toMatchObject({ status: 409 })
    const { structured } = await again()
    expect(structured['approvalId']).not.toBe(id)
    expect((await gateway.api.get(`/approvals/${id}`)).body['status']).toBe('expired')
  })

  test('what was approved is used in its time or never', async () => {
    const { id, again } = await waiting('eight')
    await approve(bo.api, id)
    await time.pass(30)
    expect((await again()).structured['status']).toBe('approval_required')
    expect((await gateway.api.get(`/approvals/${id}`)).body['status']).toBe('expired')
  })

  test('a denial holds for so long, then the same call may be asked for again', async () => {
    const { id, again } = await waiting('nine')
    await bo.api.post(`/approvals/${id}/deny`, { comment: 'no' })
    await time.pass(29)
    expect((await again()).structured['code']).toBe('APPROVAL_DENIED')
    await time.pass(1)
    expect((await again()).structured['status']).toBe('approval_required')
  })
})

describe('an agent that asks 200 times in a minute', () => {
  test('opens 20 approvals and is denied the rest, without an effect', async () => {
    const client = await connect(gateway.url, tokens['flooder'] ?? '')
    const answers: string[] = []
    for (let round = 0; round < 10; round++) {
      const batch = Array.from({ length: 20 }, (_, index) =>
        client.calls(READ, { name: names[index % 10] ?? '', version: index < 10 ? 0 : round }),
      )
      for (const { structured } of await Promise.all(batch))
        answers.push(`${String(structured['status'])} ${String(structured['code'])}`)
    }
    const opened = itemsOf((await gateway.api.get('/approvals?agent=flooder&limit=200')).body)
    expect(opened.length).toBeLessThanOrEqual(20)
    expect(answers.filter((answer) => answer.startsWith('ok'))).toEqual([])
    expect(answers).toHaveLength(200)
    expect(answers).toContain('denied APPROVAL_LIMIT')
  })
})

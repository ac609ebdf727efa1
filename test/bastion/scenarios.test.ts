import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Agent, type ClientKind, connect } from '../support/agent.ts'
import { owner } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { type Person, person } from '../support/person.ts'
import { granted, registerHost, type SshLab, ssh, sshLab } from '../support/ssh-lab.ts'
import type { TestGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const REQUEST = 'certlocker_request_ssh_session'
const RUN = 'certlocker_run_ssh_command'
const bothEras: readonly ClientKind[] = ['sdk v1, handshake', 'sdk v2, 2026-07-28']
const fifteenMinutes = 900
let lab: SshLab
let impatient: TestGateway
let approver: Person
let tokens: Readonly<Record<string, string>>

beforeAll(async () => {
  const started = await sshLab()
  if (started === undefined) throw new Error('no OpenSSH server: npm run tools')
  lab = started
  const { gateway, sshd } = lab
  await gateway.api.create('/groups', { name: 'prod', environment: 'production' })
  await gateway.api.patch(`/people/${owner}`, { groups: ['edge', 'prod'] })
  approver = await person(gateway, 'bo@example.com', 'approver', ['prod'])
  await gateway.api.create('/secrets', { name: 'gateway-key', groups: ['edge'], type: 'api-key', value: 'hermes-key' })
  await registerHost(gateway, sshd, 'hermes-runner')
  await registerHost(gateway, sshd, 'edge-proxy')
  await registerHost(gateway, sshd, 'prod-db-01', { groups: ['prod'], principals: [sshd.login, 'postgres'] })
  tokens = {
    'cursor-ops': await agent('cursor-ops', 'edge', ['ssh_session:request', 'host:read']),
    'db-agent': await agent('db-agent', 'prod', ['ssh_session:request', 'approval:request']),
    reader: await agent('reader', 'prod', ['host:read', 'approval:request']),
  }
  impatient = await gateway.replica({ CERTLOCKER_APPROVALS__DECIDE_SECONDS: '1' })
})
afterAll(async () => {
  await impatient?.stop()
  await lab?.stop()
})

async function agent(name: string, group: string, scopes: readonly string[]): Promise<string> {
  const { api } = lab.gateway
  await api.create('/agents', { name, owner, riskLevel: 'medium', scopes, groups: [group] })
  return String(
    (await api.create('/tokens', { agentId: name, name: 'test', groups: [group], ttlSeconds: 3600 }))['value'],
  )
}

const as = (name: string, kind: ClientKind, { url } = lab.gateway): Promise<Agent> =>
  connect(url, tokens[name] ?? '', { kind, name })
const approvalsOf = async (agentName: string) =>
  itemsOf((await lab.gateway.api.get(`/approvals?agent=${agentName}&limit=200`)).body)

describe.concurrent.each(bothEras)('S18: an agent looks after a runner over SSH (%s)', (kind) => {
  test('it is let in for a while by the bastion, sees no key, and everything is recorded', async () => {
    const cursor = await as('cursor-ops', kind)
    const answer = await cursor.calls(REQUEST, { host: 'hermes-runner', ttlSeconds: 4, reason: 'The runner is slow' })
    expect(answer.structured).toMatchObject({ status: 'ok', recorded: true })
    const sessionId = String(answer.structured['sessionId'])
    const looked = await cursor.calls(RUN, { sessionId, command: 'echo "load 0.1"; env' })
    expect(looked.structured).toMatchObject({ status: 'ok', exitCode: 0 })
    expect(looked.structured['stdout']).toMatch(/^load 0\.1\n/u)
    expect(JSON.stringify([answer, looked])).not.toMatch(/PRIVATE KEY|ssh-ed25519|SSH_AUTH_SOCK|hermes-key/u)
    expect(lab.sshd.log()).toContain(`ID ${sessionId}`)

    const session = async () => (await lab.gateway.api.get(`/ssh-sessions/${sessionId}`)).body
    await until(async () => (await session())['status'] === 'expired')
    expect(await session()).toMatchObject({ agent: 'cursor-ops', endReason: 'ttl' })
    const late = await cursor.calls(RUN, { sessionId, command: ['true'] })
    expect(late.structured).toMatchObject({ status: 'failed', code: 'SSH_SESSION_OVER' })
    const { body } = await lab.gateway.api.get(`/ssh-sessions/${sessionId}/recording`)
    expect(body['text']).toContain('load 0.1')
    await cursor.close()
  })
})

describe.each(bothEras)('S19: an agent tries the ways around its own host (%s)', (kind) => {
  test('each is refused for a reason of its own, on record', async () => {
    const cursor = await as('cursor-ops', kind)
    const asks = async (host: string) => (await cursor.calls(REQUEST, { host })).structured
    expect(await asks('prod-db-01')).toMatchObject({
      status: 'denied',
      message: 'Access denied. Token is scoped to groups [edge], host is in [prod]',
    })
    expect(await asks('127.0.0.1')).toMatchObject({
      status: 'denied',
      message: 'Access denied. No host of that name is available',
    })
    const [first, other] = [
      await granted(cursor, { host: 'hermes-runner' }),
      await granted(cursor, { host: 'edge-proxy', ttlSeconds: 1 }),
    ]
    const shown = async (grant: typeof first, flags: string[] = []) => {
      const { code } = await ssh(grant, flags.includes('-W') ? [] : ['true'], { flags })
      const [refusal] = (await lab.events('AI_AGENT_AUTH_FAILED')).slice(-1)
      return [code, refusal?.code]
    }
    expect(await shown({ ...other, ticket: first.ticket })).toEqual([255, 'TICKET_UNKNOWN_OR_USED'])
    await until(
      async () => (await lab.gateway.api.get(`/ssh-sessions/${other.sessionId}`)).body['status'] === 'expired',
    )
    expect((await shown(other))[0]).toBe(255)
    expect(await shown(first, ['-b', '127.0.0.2'])).toEqual([255, 'TICKET_SOURCE_MISMATCH'])
    const forwarding = await granted(cursor, { host: 'hermes-runner' })
    const before = lab.sshd.log()
    expect((await shown(forwarding, ['-W', `127.0.0.1:${lab.sshd.port}`]))[0]).toBe(255)
    expect(lab.sshd.log()).toBe(before)
    await cursor.close()
  })
})

describe.each(bothEras)('S20: an agent needs a production host (%s)', (kind) => {
  test('a person reads what it is about and approves: that host, that account, for fifteen minutes, once', async () => {
    const db = await as('db-agent', kind)
    const call = { host: 'prod-db-01', principal: lab.sshd.login, ttlSeconds: fifteenMinutes, reason: 'Vacuum' }
    const waiting = await db.calls(REQUEST, call)
    expect(waiting.structured).toMatchObject({ status: 'approval_required' })
    const id = String(waiting.structured['approvalId'])
    expect((await approver.api.get(`/approvals/${id}`)).body).toMatchObject({
      agent: 'db-agent',
      riskLevel: 'medium',
      owner,
      resource: { type: 'host', name: 'prod-db-01', groups: ['prod'], environment: 'production' },
      arguments: { host: 'prod-db-01', principal: lab.sshd.login, ttlSeconds: fifteenMinutes },
      claimed: { reason: 'Vacuum' },
    })
    await approver.api.post(`/approvals/${id}/approve`, { comment: 'CHG-7' })
    for (const changed of [{ principal: 'postgres' }, { ttlSeconds: 3600 }]) {
      const { structured } = await db.calls(REQUEST, { ...call, ...changed })
      expect(structured).toMatchObject({ status: 'approval_required' })
      expect(structured['approvalId']).not.toBe(id)
    }
    const grant = await granted(db, call)
    const { body: session } = await lab.gateway.api.get(`/ssh-sessions/${grant.sessionId}`)
    expect(session).toMatchObject({ host: 'prod-db-01', principal: lab.sshd.login })
    const lastsMs = Date.parse(String(session['expiresAt'])) - Date.parse(String(session['createdAt']))
    expect(lastsMs).toBe(fifteenMinutes * 1000)
    const ran = await db.calls(RUN, { sessionId: grant.sessionId, command: ['id', '-un'] })
    expect(ran.structured).toMatchObject({ status: 'ok', stdout: `${lab.sshd.login}\n` })
    expect((await db.calls(REQUEST, call)).structured).toMatchObject({ status: 'approval_required' })
    await db.close()
  })

  test('nobody decides, and the request comes to nothing', async () => {
    const db = await as('db-agent', kind, impatient)
    const { structured } = await db.calls(REQUEST, { host: 'prod-db-01', reason: `Nobody looks (${kind})` })
    const look = () => db.calls('certlocker_get_approval', { approvalId: structured['approvalId'] })
    await until(async () => (await look()).structured['approvalStatus'] === 'expired')
    await db.close()
  })

  test('an agent without the right to ask is denied before anybody is asked', async () => {
    const reader = await as('reader', kind)
    expect((await reader.calls(REQUEST, { host: 'prod-db-01' })).structured).toMatchObject({
      status: 'denied',
      code: 'SCOPE_MISSING',
    })
    expect(await approvalsOf('reader')).toEqual([])
    await reader.close()
  })
})

describe.each(bothEras)('S24: an agent gives a harmless reason for something else (%s)', (kind) => {
  test('the approver sees what is asked and what is only claimed, and what was not approved is not done', async () => {
    const db = await as('db-agent', kind)
    const reason = `Read the staging certificate of edge (${kind})`
    const { structured } = await db.calls(REQUEST, { host: 'prod-db-01', mode: 'exec', reason })
    const id = String(structured['approvalId'])
    const { body: seen } = await approver.api.get(`/approvals/${id}`)
    expect(seen).toMatchObject({ resource: { name: 'prod-db-01', environment: 'production' }, claimed: { reason } })
    expect(JSON.stringify({ ...seen, claimed: undefined, arguments: undefined, similar: undefined })).not.toContain(
      reason,
    )
    await approver.api.post(`/approvals/${id}/approve`, {})
    const changed = await db.calls(REQUEST, { host: 'prod-db-01', mode: 'shell', reason })
    expect(changed.structured).toMatchObject({ status: 'approval_required' })
    expect(changed.structured['approvalId']).not.toBe(id)
    const granted = itemsOf((await lab.gateway.api.get('/ssh-sessions?agent=db-agent&limit=200')).body)
    expect(granted.map((session) => session['mode'])).not.toContain('shell')
    await db.close()
  })
})

test('whatever a host has let in was decided and on record before', async () => {
  const sessions = new Set([...lab.sshd.log().matchAll(/ID (ssh_\w+)/gu)].map(([, id = '']) => id))
  expect(sessions.size).toBeGreaterThan(3)
  const { body } = await lab.gateway.api.get('/audit?limit=200&order=asc&type=SSH_SESSION_GRANTED')
  const { body: decided } = await lab.gateway.api.get('/audit?limit=200&type=AI_AGENT_POLICY_ALLOWED')
  const allowed = new Set(itemsOf(decided).map(({ requestId }) => requestId))
  const grants = itemsOf(body).filter(({ requestId }) => allowed.has(requestId))
  const started = await lab.events('SSH_SESSION_STARTED')
  for (const id of sessions) {
    expect(grants.some(({ details }) => JSON.stringify(details).includes(id))).toBe(true)
    expect(started.some(({ details }) => details['sshSessionId'] === id)).toBe(true)
  }
})

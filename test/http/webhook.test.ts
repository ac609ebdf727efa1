import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebhookNotifier, webhookBounds } from '../../src/adapters/webhook/webhook-notifier.ts'
import type { Notice } from '../../src/domain/notifications/notifier.ts'
import { Secret } from '../../src/kernel/secret.ts'
import { connect } from '../support/agent.ts'
import { given } from '../support/given.ts'
import { person } from '../support/person.ts'
import { silentLog } from '../support/silent-log.ts'
import { testGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const SECRET = 'a-secret-of-the-receiver-alone'

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

let server: Server
let url: string
let received: Received[]
/** Answers that come before 204. */
let answers: number[]
let givenUp: unknown[]

beforeEach(async () => {
  received = []
  answers = []
  givenUp = []
  server = createServer((request, response) => {
    void text(request).then((body) => {
      received.push({ headers: request.headers, body })
      response.writeHead(answers.shift() ?? 204, { location: `${url}/elsewhere` }).end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/certlocker?sig=of-the-receiver`
})
afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

function notifier(): WebhookNotifier {
  const log = { ...silentLog, warn: (_: string, fields?: object) => void givenUp.push(fields) }
  const settings = { url: new Secret(url), secret: new Secret(SECRET), log, now: () => 1_700_000_000_000 }
  return new WebhookNotifier({ ...settings, firstPauseMs: 1 })
}

function notice(id: string): Notice {
  const data = { approvalId: 'apr_1', seq: 1, status: 'pending', agent: null, tool: null, action: 'secret.read' }
  const more = { resource: null, reasons: [], quorum: 1, expiresAt: '', decidedBy: null }
  return { id, type: 'approval.requested', timestamp: '2026-01-01T00:00:00.000Z', data: { ...data, ...more } }
}

function signatureOf({ headers, body }: Received, secret = SECRET): string {
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`
  return `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`
}

describe('the webhook', () => {
  test('announces what becomes of an approval, signed, each once, without what the agent sent or said', async () => {
    const gateway = await testGateway({
      CERTLOCKER_NOTIFICATIONS__WEBHOOK__URL: url,
      CERTLOCKER_NOTIFICATIONS__WEBHOOK__SECRET: SECRET,
    })
    const tokens = await given(gateway, {
      agents: [{ name: 'deployer', groups: ['prod'], scopes: ['secret:read', 'approval:request'] }],
      secrets: [{ name: 'db', groups: ['prod'] }],
    })
    const bo = await person(gateway, 'bo@example.com', 'approver', ['prod'])
    const agent = await connect(gateway.url, tokens['deployer'] ?? '')
    const action = { tool: 'certlocker_get_secret', arguments: { name: 'db', version: 0 } }
    const asked = await agent.calls('certlocker_request_approval', { action, reason: 'canary-reason' })
    const approvalId = asked.structured['approvalId']
    await bo.api.post(`/approvals/${String(approvalId)}/approve`, { comment: 'canary-comment' })
    expect((await agent.calls(action.tool, action.arguments)).structured['value']).toBe('value-of-db')
    await until(async () => received.length === 4)
    await gateway.stop()

    expect(received.map(({ body }) => JSON.parse(body))).toMatchObject([
      {
        type: 'approval.requested',
        data: {
          approvalId,
          status: 'pending',
          agent: { name: 'deployer', riskLevel: 'medium' },
          tool: action.tool,
          resource: { name: 'db', environment: 'production' },
          reasons: ['APPROVAL_PRODUCTION'],
          quorum: 1,
          decidedBy: null,
        },
      },
      { type: 'approval.voted', data: { approvalId, decidedBy: 'bo@example.com' } },
      { type: 'approval.approved', data: { status: 'approved', decidedBy: 'bo@example.com' } },
      { type: 'approval.consumed', data: { status: 'consumed' } },
    ])
    for (const each of received) {
      expect(each.headers['webhook-signature']).toBe(signatureOf(each))
      expect(each.headers['webhook-signature']).not.toBe(signatureOf(each, `${SECRET}x`))
      expect(each.headers['webhook-id']).toMatch(/^evt_/)
    }
    const everything = JSON.stringify(received)
    for (const canary of ['value-of-db', 'canary', SECRET, tokens['deployer'] ?? '', bo.value])
      expect(everything).not.toContain(canary)
  })

  test('sends again what was not taken, with the same id, and goes on in order', async () => {
    answers = [503, 429, 204]
    const webhook = notifier()
    webhook.notify(notice('evt_1'))
    webhook.notify(notice('evt_2'))
    await until(async () => received.length === 4)
    await webhook.close()
    expect(received.map(({ headers }) => headers['webhook-id'])).toEqual(['evt_1', 'evt_1', 'evt_1', 'evt_2'])
    expect(givenUp).toEqual([])
  })

  test.each([
    ['refused for good', [400], 1],
    ['sent elsewhere', [302], 1],
    ['never taken', Array.from({ length: webhookBounds.attemptsMax }, () => 500), webhookBounds.attemptsMax],
  ] as const)('gives up what is %s, and logs neither address nor key', async (_, statuses, attempts) => {
    answers = [...statuses]
    const webhook = notifier()
    webhook.notify(notice('evt_1'))
    await until(async () => givenUp.length === 1)
    await webhook.close()
    expect(received).toHaveLength(attempts)
    expect(JSON.stringify(givenUp)).toContain('evt_1')
    for (const hidden of ['sig=', SECRET]) expect(JSON.stringify(givenUp)).not.toContain(hidden)
  })

  test('keeps so many and no more, and drops the oldest', async () => {
    answers = [500]
    const webhook = notifier()
    for (let index = 0; index <= webhookBounds.queueMax + 1; index++) webhook.notify(notice(`evt_${index}`))
    expect(givenUp).toMatchObject([{ noticeId: 'evt_1', reason: 'too many wait' }])
    await webhook.close()
  })

  test('stops in time although nobody answers', async () => {
    const webhook = notifier()
    server.removeAllListeners('request')
    webhook.notify(notice('evt_1'))
    webhook.notify(notice('evt_2'))
    const startedAt = performance.now()
    await webhook.close()
    expect(performance.now() - startedAt).toBeLessThan(webhookBounds.closeMsMax + 1_000)
    expect(givenUp).toHaveLength(2)
  })
})

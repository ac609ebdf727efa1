import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../support/agent.ts'
import { isRunning } from '../support/is-running.ts'
import { granted, type SshLab, ssh, sshLab } from '../support/ssh-lab.ts'
import type { TestGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const CUT_MS = 2_000
let lab: SshLab
let replica: TestGateway

beforeAll(async () => {
  const started = await sshLab()
  if (started === undefined) throw new Error('no OpenSSH server: npm run tools')
  lab = started
  replica = await lab.gateway.replica()
})
afterAll(async () => {
  await replica?.stop()
  await lab?.stop()
})

const kill = async (body: object = {}) =>
  (await lab.gateway.api.post('/kill', { kind: 'agent', id: 'ops', reason: 'drill', ...body })).body

/** Sums up what the replicas say. */
function cutOf(answer: object): { readonly confirmed: number; readonly ssh: number; readonly calls: number } {
  const { receipts = [] }: { receipts?: { confirmed: boolean; sshSessionsCut: number; callsCut: number }[] } = answer
  return {
    confirmed: receipts.filter(({ confirmed }) => confirmed).length,
    ssh: receipts.reduce((sum, { sshSessionsCut }) => sum + sshSessionsCut, 0),
    calls: receipts.reduce((sum, { callsCut }) => sum + callsCut, 0),
  }
}

/** With the real client. @returns once the command has said that it runs */
async function runningOver(line: string) {
  const grant = await granted(lab.agent)
  let isStarted = false
  const ended = ssh(grant, [line], { onOutput: () => (isStarted = true) })
  await until(async () => isStarted)
  return { grant, ended }
}

describe('the kill switch', () => {
  test('counts in a drill what it would cut, and cuts nothing', async () => {
    const { ended } = await runningOver('echo started; sleep 2')
    expect(cutOf(await kill({ drill: true }))).toEqual({ confirmed: 2, ssh: 1, calls: 0 })
    expect((await ended).code).toBe(0)
  })

  test('ends what runs on hosts within two seconds, and says on how many sessions', async () => {
    const waiting = await granted(lab.agent)
    const { grant, ended } = await runningOver('sh -c "echo started; sleep 4714 & sleep 4715"')
    const { sessionId } = await granted(lab.agent)
    const call = lab.agent.calls('certlocker_run_ssh_command', { sessionId, command: ['sleep', '4716'] })
    await until(async () => isRunning('sleep 4716'))
    const killedMs = performance.now()
    const answer = await kill()
    expect((await ended).code).not.toBe(0)
    await until(async () => ['sleep 4714', 'sleep 4715', 'sleep 4716'].every((each) => !isRunning(each)))
    expect(performance.now() - killedMs).toBeLessThan(CUT_MS)
    expect(cutOf(answer)).toEqual({ confirmed: 2, ssh: 2, calls: 1 })
    expect((await call).structured).toMatchObject({ status: 'denied', code: 'GATEWAY_REVOKED' })
    const sessions = [waiting.sessionId, grant.sessionId, sessionId]
    for (const id of sessions) {
      const { body } = await lab.gateway.api.get(`/ssh-sessions/${id}`)
      expect(body).toMatchObject({ status: 'cut', endReason: 'killed' })
    }
    const sealed = async () =>
      (await lab.events('SSH_SESSION_ENDED')).filter(({ details }) =>
        sessions.includes(String(details['sshSessionId'])),
      )
    await until(async () => (await sealed()).length === sessions.length)
  })

  test('voids tickets that were not used yet, for good', async () => {
    await lab.gateway.api.post('/agents/ops/resume', { reason: 'over' })
    const agent = await connect(lab.gateway.url, lab.token)
    const grant = await granted(agent)
    await kill()
    await lab.gateway.api.post('/agents/ops/resume', { reason: 'over' })
    expect(await ssh(grant, ['true'])).toMatchObject({ code: 255, stderr: expect.stringContaining('denied') })
    const codes = (await lab.events('AI_AGENT_AUTH_FAILED')).map(({ code }) => code)
    expect(codes).toContain('SSH_SESSION_OVER')
    await agent.close()
  })
})

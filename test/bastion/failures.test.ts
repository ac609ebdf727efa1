import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../support/agent.ts'
import { isRunning } from '../support/is-running.ts'
import { granted, registerHost, type SshLab, ssh, sshLab } from '../support/ssh-lab.ts'
import { until } from '../support/until.ts'

let lab: SshLab

beforeAll(async () => {
  const started = await sshLab()
  if (started === undefined) throw new Error('no OpenSSH server: npm run tools')
  lab = started
})
afterAll(() => lab?.stop())

const otherKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPDaVQjpGAR7Su+AT+VhNtMmYofRAyjk6nGY8IpQcWH+'
const run = (sessionId: string, command: unknown, more: object = {}) =>
  lab.agent.calls('certlocker_run_ssh_command', { sessionId, command, ...more })
const codes = async () => (await lab.events('AI_AGENT_AUTH_FAILED')).map(({ code }) => code)

describe('a host that', () => {
  const cases: [string, string, object, string][] = [
    ['shows a key that is not pinned', 'changed', { hostKeys: [otherKey] }, 'HOST_KEY_MISMATCH'],
    ['is not there', 'away', { port: 1 }, 'HOST_UNREACHABLE'],
    ['does not know the account', 'stranger', { principals: ['nobody-here'] }, 'HOST_LOGIN_REFUSED'],
  ]
  test.each(cases)('%s is not spoken to, and the agent is told why', async (_, name, over, code) => {
    await registerHost(lab.gateway, lab.sshd, name, over)
    const { sessionId } = await granted(lab.agent, { host: name })
    expect((await run(sessionId, ['true'])).structured).toMatchObject({ status: 'failed', code })
    const grant = await granted(lab.agent, { host: name })
    expect(await ssh(grant, ['true'])).toMatchObject({
      code: 255,
      stdout: '',
      stderr: expect.stringContaining('certlocker: The host'),
    })
  })
})

describe('a door that', () => {
  test('is shown a public key, or a ticket of another session, lets nobody in', async () => {
    const [one, other] = [await granted(lab.agent), await granted(lab.agent)]
    const folder = mkdtempSync(join(tmpdir(), 'certlocker-key-'))
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'key')])
    const flags = ['-i', join(folder, 'key'), '-o', 'PreferredAuthentications=publickey']
    expect(await ssh(one, ['true'], { flags })).toMatchObject({ code: 255, stdout: '' })
    rmSync(folder, { recursive: true })
    expect(await ssh({ ...one, ticket: other.ticket }, ['true'])).toMatchObject({ code: 255, stdout: '' })
    expect(await codes()).toContain('TICKET_UNKNOWN_OR_USED')
  })

  test('is asked to forward a port, or for a subsystem, does not', async () => {
    expect(await ssh(await granted(lab.agent), [], { flags: ['-W', '127.0.0.1:1'] })).toMatchObject({ code: 255 })
    expect((await ssh(await granted(lab.agent), ['sftp'], { flags: ['-s'] })).code).not.toBe(0)
  })

  test('is asked for a shell in a session for commands, says so', async () => {
    const { stderr } = await ssh(await granted(lab.agent), [])
    expect(stderr).toContain('certlocker: The SSH session is for commands')
  })
})

describe('a command that', () => {
  test('prints without end is stopped, and so is its session', async () => {
    const { sessionId } = await granted(lab.agent)
    const { structured } = await run(sessionId, ['cat', '/dev/zero'])
    expect(structured).toMatchObject({ status: 'failed', code: 'SSH_OUTPUT_LIMIT' })
    await until(async () => (await lab.events('SSH_SESSION_CUT')).some((e) => e.details['reason'] === 'output_limit'))
  }, 60_000)

  test('prints a lot keeps its start and its end', async () => {
    const { sessionId } = await granted(lab.agent)
    const { structured } = await run(sessionId, 'echo first; seq 1 40000; printf "\\033[31mlast\\033[0m\\a"')
    expect(structured).toMatchObject({ status: 'ok', truncated: true })
    expect(String(structured['stdout'])).toMatch(/^first\n1\n[\s\S]*bytes left out[\s\S]*\n40000\nlast$/u)
  })

  test('does not end in time is stopped on the host', async () => {
    const { sessionId } = await granted(lab.agent)
    const answer = await run(sessionId, ['sleep', '4711'], { timeoutSeconds: 1 })
    expect(answer.structured).toMatchObject({ status: 'failed', code: 'SSH_COMMAND_TIMEOUT' })
    await until(async () => !isRunning('sleep 4711'))
  })
})

describe('a live session', () => {
  test('is cut when its token runs out, before its own time does', async () => {
    const wanted = { agentId: 'ops', name: 'short', groups: ['edge'], ttlSeconds: 8 }
    const { value } = await lab.gateway.api.create('/tokens', wanted)
    const agent = await connect(lab.gateway.url, String(value))
    const grant = await granted(agent, { ttlSeconds: 600 })
    const { code, stderr } = await ssh(grant, ['sleep', '300'])
    expect({ code, stderr }).toMatchObject({ code: 255, stderr: expect.stringContaining('certlocker: ') })
    expect((await lab.gateway.api.get(`/ssh-sessions/${grant.sessionId}`)).body).toMatchObject({ status: 'cut' })
  }, 30_000)

  test('is cut within two seconds when its agent is suspended, and its command with it', async () => {
    const grant = await granted(lab.agent)
    let startedAt = 0
    const running = ssh(grant, ['sh -c "echo started; sleep 4712"'], {
      onOutput: () => {
        if (startedAt === 0) startedAt = performance.now()
      },
    })
    await until(async () => startedAt > 0)
    const suspendedAt = performance.now()
    await lab.gateway.api.create('/agents/ops/suspend', { reason: 'drill' })
    expect((await running).code).not.toBe(0)
    expect(performance.now() - suspendedAt).toBeLessThan(2_000)
    await until(async () => !isRunning('sleep 4712'))
    const cut = (await lab.events('SSH_SESSION_CUT')).filter((e) => e.details['sshSessionId'] === grant.sessionId)
    expect(cut.map((e) => e.details['reason'])).toEqual(['suspended'])
    await until(async () =>
      (await lab.events('SSH_SESSION_ENDED')).some((e) => e.details['sshSessionId'] === grant.sessionId),
    )
  })
})

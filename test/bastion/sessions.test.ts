import { createHash, randomUUID } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { granted, type SshLab, ssh, sshLab } from '../support/ssh-lab.ts'
import { until } from '../support/until.ts'

let lab: SshLab

beforeAll(async () => {
  const started = await sshLab()
  if (started === undefined) throw new Error('no OpenSSH server: npm run tools')
  lab = started
})
afterAll(() => lab?.stop())

const run = (sessionId: string, command: unknown, more: object = {}) =>
  lab.agent.calls('certlocker_run_ssh_command', { sessionId, command, ...more })

describe('an agent on a real host', () => {
  test('runs a command through the bastion, and the host logs the id of the session', async () => {
    const { sessionId } = await granted(lab.agent)
    const { structured } = await run(sessionId, ['echo', 'hello  $HOME; "x"'])
    expect(structured).toMatchObject({
      status: 'ok',
      exitCode: 0,
      signal: null,
      stdout: 'hello  $HOME; "x"\n',
      stderr: '',
      truncated: false,
    })
    expect(lab.sshd.log()).toContain(`ID ${sessionId}`)
    expect((await run(sessionId, 'echo out; echo err >&2; exit 3')).structured).toMatchObject({
      exitCode: 3,
      stdout: 'out\n',
      stderr: 'err\n',
    })
  })

  test('opens a session with the real ssh client and its ticket, once', async () => {
    const grant = await granted(lab.agent)
    expect(await ssh(grant, ['id', '-un'])).toEqual({ code: 0, stdout: `${lab.sshd.login}\n`, stderr: '' })
    expect(await ssh(grant, ['id', '-un'])).toMatchObject({ code: 255, stderr: expect.stringContaining('denied') })
    expect(await lab.events('AI_AGENT_AUTH_FAILED')).toContainEqual(
      expect.objectContaining({ code: 'TICKET_UNKNOWN_OR_USED' }),
    )
  })

  test('sends each packet at once on every leg: a login that waits for acknowledgements takes 40 ms a step', async () => {
    const hurried = vi.spyOn(Socket.prototype, 'setNoDelay')
    const grant = await granted(lab.agent)
    const bastionPort = Number(/-p (\d+)/.exec(grant.command)?.[1])
    const seen = join(tmpdir(), `certlocker-seen-${randomUUID()}`)
    const calling = run(grant.sessionId, `until test -e ${seen}; do sleep 0.05; done`)
    const legs = () =>
      (hurried.mock.contexts as readonly Socket[]).map(({ localPort, remotePort }) => [localPort, remotePort])
    const isHurried = () =>
      legs().some(([local]) => local === bastionPort) &&
      legs().some(([, remote]) => remote === bastionPort) &&
      legs().some(([, remote]) => remote === lab.sshd.port)
    await until(async () => isHurried()).finally(() => writeFileSync(seen, ''))
    hurried.mockRestore()
    expect((await calling).structured).toMatchObject({ status: 'ok' })
    rmSync(seen)
  })

  test('works in a shell with a terminal, of which both directions are recorded', async () => {
    const grant = await granted(lab.agent, { mode: 'shell' })
    const { stdout } = await ssh(grant, [], { flags: ['-tt'], input: 'echo $((6*7)) from $TERM\nexit 4\n' })
    expect(stdout).toContain('42 from xterm')
    await until(async () =>
      (await lab.events('SSH_SESSION_ENDED')).some((e) => e.details['sshSessionId'] === grant.sessionId),
    )
    const { body } = await lab.gateway.api.get(`/ssh-sessions/${grant.sessionId}/recording`)
    const lines = String(body['text']).trim().split('\n')
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ version: 3, title: grant.sessionId })
    expect(lines.some((line) => line.includes('"i"') && line.includes('echo $((6*7))'))).toBe(true)
    expect(lines.some((line) => line.includes('"o"') && line.includes('42 from xterm'))).toBe(true)
    expect(JSON.stringify(lines)).not.toContain(grant.ticket)
    expect(await lab.events('RECORDING_VIEWED')).toHaveLength(1)
  })

  test('has its end sealed in the log, with the hash of what was recorded', async () => {
    const { sessionId } = await granted(lab.agent)
    await run(sessionId, ['true'])
    const { structured } = await lab.agent.calls('certlocker_end_ssh_session', { sessionId })
    expect(structured).toMatchObject({ status: 'ok', sessionId, sessionStatus: 'ended' })
    const mine = (
      await lab.events('SSH_SESSION_GRANTED', 'SSH_SESSION_STARTED', 'SSH_SESSION_COMMAND', 'SSH_SESSION_ENDED')
    ).filter(({ details }) => details['sshSessionId'] === sessionId)
    expect(mine.map(({ type }) => type)).toEqual([
      'SSH_SESSION_GRANTED',
      'SSH_SESSION_STARTED',
      'SSH_SESSION_COMMAND',
      'SSH_SESSION_ENDED',
    ])
    const [recording] = (mine[3]?.details['recordings'] ?? []) as { id: string; sha256: string; bytes: number }[]
    const file = readFileSync(join(lab.gateway.dataDir, 'recordings', `${recording?.id}.cast.gz`))
    expect(createHash('sha256').update(file).digest('hex')).toBe(recording?.sha256)
    expect(file.length).toBe(recording?.bytes)
    expect((await run(sessionId, ['true'])).structured).toMatchObject({ status: 'failed', code: 'SSH_SESSION_OVER' })
  })

  test('is refused an account that the host does not offer', async () => {
    const answer = await lab.agent.calls('certlocker_request_ssh_session', { host: 'edge-1', principal: 'root' })
    expect(answer.structured).toMatchObject({ status: 'denied', code: 'HOST_NOT_ALLOWED' })
  })
})

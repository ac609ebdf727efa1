import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Cli, cliFor } from '../support/cli.ts'
import { operator, type Person } from '../support/person.ts'
import { granted, registerHost, type SshLab, sshLab } from '../support/ssh-lab.ts'
import { until } from '../support/until.ts'

let lab: SshLab
let sue: Person
let cli: Cli
let admin: Cli

beforeAll(async () => {
  const started = await sshLab()
  if (started === undefined) throw new Error('no OpenSSH server: npm run tools')
  lab = started
  await lab.gateway.api.create('/groups', { name: 'prod', environment: 'production' })
  await registerHost(lab.gateway, lab.sshd, 'prod-1', { groups: ['prod'] })
  await registerHost(lab.gateway, lab.sshd, 'changed-1', {
    hostKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPDaVQjpGAR7Su+AT+VhNtMmYofRAyjk6nGY8IpQcWH+'],
  })
  sue = await operator(lab.gateway, 'sue@example.com', ['edge'])
  cli = cliFor(lab.gateway.url, sue.value)
  admin = cliFor(lab.gateway.url, lab.gateway.adminKey)
})
afterAll(() => lab?.stop())

async function listed(): Promise<readonly { readonly [name: string]: unknown }[]> {
  const { stdout } = await cli(['ssh-sessions', 'list', '--json'])
  return JSON.parse(stdout).items
}

const sessionEvents = async (sshSessionId: unknown) =>
  (await lab.events('SSH_SESSION_GRANTED', 'SSH_SESSION_STARTED', 'SSH_SESSION_COMMAND', 'SSH_SESSION_ENDED')).filter(
    ({ details }) => details['sshSessionId'] === sshSessionId,
  )

describe('certlocker ssh', () => {
  test('runs a command as a person and ends with its exit code', async () => {
    expect(await cli(['ssh', 'edge-1', '--', 'echo out; echo err >&2; exit 7'])).toEqual({
      exitCode: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    })
    expect(await cli(['ssh', 'edge-1', '--', 'wc', '-c'], { stdin: 'twelve bytes' })).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^\s*12\n$/u),
    })
    expect((await cli(['ssh', 'edge-1', '--', 'seq', '1', '50000'])).stdout).toMatch(/\n49999\n50000\n$/u)
  })

  test('opens a shell where no command is given', async () => {
    const { exitCode, stdout } = await cli(['ssh', 'edge-1'], { stdin: 'echo $((6*7)) of $(id -un)\nexit 4\n' })
    expect(stdout).toContain(`42 of ${lab.sshd.login}`)
    expect(exitCode).toBe(4)
  })

  test('is decided and recorded as the session of an agent is: the same events with the same parts', async () => {
    const { sessionId } = await granted(lab.agent)
    await lab.agent.calls('certlocker_run_ssh_command', { sessionId, command: ['true'] })
    await lab.agent.calls('certlocker_end_ssh_session', { sessionId })
    await cli(['ssh', 'edge-1', '--reason', 'look', '--', 'true'])
    const [mine] = await listed()
    expect(mine).toMatchObject({ holder: { kind: 'person', name: sue.email }, agent: null, reason: 'look' })
    const [ours, theirs] = [await sessionEvents(mine?.['id']), await sessionEvents(sessionId)]
    // An agent's request has an event of its own, which has the decision's digest.
    const partsOf = (details: object) => Object.keys(details).filter((name) => name !== 'decisionDigest')
    const shapeOf = (events: typeof ours) =>
      events.map(({ type, details, actor }) => [type, partsOf(details).sort(), Object.keys(actor ?? {}).sort()])
    expect(shapeOf(ours)).toEqual(shapeOf(theirs))
    expect(ours).toHaveLength(4)
    expect(ours.map(({ actor }) => actor?.name)).toEqual(Array(4).fill(sue.email))
  })

  test.each([
    ['a host of another group', ['prod-1'], 3, 'Access denied'],
    ['an account that the host does not offer', ['edge-1', '--principal', 'root'], 3, 'Access denied'],
    ['a host that does not exist', ['nowhere'], 1, 'No host nowhere'],
    ['a number that is none', ['edge-1', '--ttl-seconds', 'soon'], 2, 'whole number'],
    ['no host', [], 2, 'host'],
  ])('refuses %s', async (_, words, exitCode, message) => {
    expect(await cli(['ssh', ...words, ...(words.length > 0 ? ['--', 'true'] : [])])).toMatchObject({
      exitCode,
      stdout: '',
      stderr: expect.stringContaining(message),
    })
  })

  test('ends with 255 and says why when the host is not the one that was registered', async () => {
    expect(await cli(['ssh', 'changed-1', '--', 'true'])).toMatchObject({
      exitCode: 255,
      stderr: expect.stringContaining('certlocker: The host does not show a host key that is pinned'),
    })
  })
})

describe('certlocker ssh-sessions', () => {
  test('cuts a session with what runs in it', async () => {
    let isRunning = false
    const running = cli(['ssh', 'edge-1', '--', 'echo started; sleep 4713'], {
      onOutput: () => {
        isRunning = true
      },
    })
    await until(async () => isRunning)
    const [session] = await listed()
    expect(session).toMatchObject({ status: 'active', host: 'edge-1' })
    expect(await cli(['ssh-sessions', 'end', String(session?.['id'])])).toMatchObject({ exitCode: 0 })
    expect(await running).toMatchObject({ exitCode: 255, stderr: expect.stringContaining('The SSH session was cut') })
    const shown = (await cli(['ssh-sessions', 'show', String(session?.['id'])])).stdout
    expect(shown).toMatch(/^status +cut$/mu)
    expect(shown).toMatch(/^endReason +admin$/mu)
  })

  test('plays what was recorded, as fast as it is asked to, or gives out the recording', async () => {
    await cli(['ssh', 'edge-1', '--', 'echo one; sleep 1; echo two'])
    const id = String((await listed())[0]?.['id'])
    await until(async () => (await sessionEvents(id)).some(({ type }) => type === 'SSH_SESSION_ENDED'))
    const startedMs = performance.now()
    expect(await admin(['ssh-sessions', 'play', id, '--speed', '20'])).toMatchObject({
      exitCode: 0,
      stdout: 'one\ntwo\n',
    })
    expect(performance.now() - startedMs).toBeLessThan(1_000)
    const slowMs = performance.now()
    await admin(['ssh-sessions', 'play', id])
    expect(performance.now() - slowMs).toBeGreaterThan(900)
    const { stdout } = await admin(['ssh-sessions', 'play', id, '--json'])
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines[0]).toMatchObject({ version: 3, title: id, command: 'echo one; sleep 1; echo two' })
    expect(lines.at(-1)).toEqual([expect.any(Number), 'x', '0'])
    expect(await admin(['ssh-sessions', 'play', id, '--speed', '0'])).toMatchObject({ exitCode: 2 })
    expect(await cli(['ssh-sessions', 'play', id])).toMatchObject({ exitCode: 3, stdout: '' })
    expect(await lab.events('RECORDING_VIEWED')).toHaveLength(3)
  })

  test('says so where nothing was recorded', async () => {
    const { sessionId } = await granted(lab.agent)
    expect(await admin(['ssh-sessions', 'play', sessionId])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('RECORDING_MISSING'),
    })
  })
})

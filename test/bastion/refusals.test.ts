import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DirectTarget } from '../../src/adapters/ssh/direct-target.ts'
import { buildBundle } from '../../src/cli/policy/build.ts'
import {
  ed25519KeyOf,
  ed25519Line,
  signUserCertificate,
  type UserCertificate,
} from '../../src/domain/ssh/user-certificate.ts'
import { newSshKey } from '../../src/kernel/ssh-key.ts'
import { exercised } from '../support/components.ts'
import { isRunning } from '../support/is-running.ts'
import { type RealSshd, startSshd } from '../support/real-sshd.ts'
import { granted, type Granted, registerHost, type SshLab, ssh, sshLab } from '../support/ssh-lab.ts'
import { until } from '../support/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'certlocker-refusals-'))
const disk = join(folder, 'recordings')
let lab: SshLab

/** A small disk of its own, which only root on Linux can have. */
const isMounted = mounted()

function mounted(): boolean {
  mkdirSync(disk, { mode: 0o700 })
  try {
    const options = ['-t', 'tmpfs', '-o', 'size=256k,mode=700', 'certlocker-test', disk]
    execFileSync('mount', options, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

beforeAll(async () => {
  const started = await sshLab({
    CERTLOCKER_RECORDINGS__DIR: disk,
    CERTLOCKER_POLICY__SOURCE: `file:${await argvOnly()}`,
  })
  if (started === undefined) throw new Error('no OpenSSH server: npm run tools')
  lab = started
  await registerHost(lab.gateway, lab.sshd, 'edge-2')
})
afterAll(async () => {
  await lab?.stop()
  if (isMounted) execFileSync('umount', [disk])
  rmSync(folder, { recursive: true })
})

/** The shipped rules, with the tunable that lets in staging no shell read a command. */
async function argvOnly(): Promise<string> {
  const company = join(folder, 'company')
  mkdirSync(join(company, 'certlocker', 'config'), { recursive: true })
  const tunables = { sshArgvOnlyEnvironments: ['staging'] }
  writeFileSync(join(company, 'certlocker', 'config', 'data.json'), JSON.stringify(tunables))
  const built = await buildBundle({ directories: [company], revision: 'argv-only', sequence: 1 })
  if (!built.ok) throw new Error(built.error)
  exercised('opa')
  writeFileSync(join(folder, 'bundle.tar.gz'), built.value.bytes)
  return join(folder, 'bundle.tar.gz')
}

const session = async ({ sessionId }: Granted) => (await lab.gateway.api.get(`/ssh-sessions/${sessionId}`)).body

describe('a ticket', () => {
  const late = async (): Promise<void> => {
    const client = new pg.Client(lab.gateway.databaseUrl)
    await client.connect()
    await client.query('UPDATE ssh_tickets SET use_before = clock_timestamp()')
    await client.end()
  }
  const cases: [string, string, (grant: Granted) => Promise<readonly [Granted, string[]]>][] = [
    [
      'late',
      'TICKET_LATE',
      async (grant) => {
        await late()
        return [grant, []]
      },
    ],
    ['from another address', 'TICKET_SOURCE_MISMATCH', async (grant) => [grant, ['-b', '127.0.0.2']]],
    [
      'for another host',
      'TICKET_UNKNOWN_OR_USED',
      async ({ ticket }) => [{ ...(await granted(lab.agent, { host: 'edge-2' })), ticket }, []],
    ],
    [
      'again',
      'TICKET_UNKNOWN_OR_USED',
      async (grant) => {
        expect((await ssh(grant, ['true'])).code).toBe(0)
        return [grant, []]
      },
    ],
    [
      'after its session was ended',
      'SSH_SESSION_OVER',
      async (grant) => {
        await lab.agent.calls('certlocker_end_ssh_session', { sessionId: grant.sessionId })
        return [grant, []]
      },
    ],
  ]
  test.each(cases)('that is shown %s opens nothing, and the log says why', async (_, code, prepare) => {
    const [grant, flags] = await prepare(await granted(lab.agent))
    const before = lab.sshd.log().length
    expect(await ssh(grant, ['true'], { flags })).toMatchObject({ code: 255, stdout: '' })
    expect(lab.sshd.log().slice(before)).not.toContain('Accepted')
    const refusals = await lab.events('AI_AGENT_AUTH_FAILED')
    expect(refusals.at(-1)).toMatchObject({ code, details: { door: 'bastion', sshSessionId: grant.sessionId } })
  })

  test('that was shown from another address is good no more where it is for', async () => {
    const grant = await granted(lab.agent)
    await ssh(grant, ['true'], { flags: ['-b', '127.0.0.2'] })
    expect((await ssh(grant, ['true'])).code).toBe(255)
  })
})

describe('a command that only a shell can read, where the policy asks for program and arguments,', () => {
  test('is denied to the agent and at the bastion alike, and nothing is run', async () => {
    const grant = await granted(lab.agent)
    const marker = join(folder, 'marker')
    const command = `true; touch ${marker}`
    const { sessionId } = grant
    const answer = await lab.agent.calls('certlocker_run_ssh_command', { sessionId, command })
    expect(answer.structured).toMatchObject({ status: 'denied', code: 'COMMAND_NOT_ALLOWED' })
    const before = lab.sshd.log().length
    expect(await ssh(grant, [command])).toMatchObject({ code: 255, stderr: expect.stringContaining('not allowed') })
    expect(lab.sshd.log().slice(before)).toBe('')
    const plain = await lab.agent.calls('certlocker_run_ssh_command', { sessionId, command: ['echo', '$(id); true'] })
    expect(plain.structured).toMatchObject({ status: 'ok', stdout: '$(id); true\n' })
  })
})

describe('a session', () => {
  test('ends at its time, whatever runs in it, and so does that', async () => {
    const grant = await granted(lab.agent, { ttlSeconds: 2 })
    const startedMs = performance.now()
    const { code, stderr } = await ssh(grant, ['sleep', '4717'])
    expect([code, stderr]).toEqual([255, expect.stringContaining('The SSH session is over')])
    expect(performance.now() - startedMs).toBeLessThan(4_000)
    await until(async () => !isRunning('sleep 4717'))
    await until(async () => (await session(grant))['status'] === 'expired')
    expect(await session(grant)).toMatchObject({ endReason: 'ttl' })
  })

  test('of a client that says first that it sends nothing is carried to its end', async () => {
    expect(await ssh(await granted(lab.agent), ['cat'], { input: '' })).toEqual({ code: 0, stdout: '', stderr: '' })
    const { code, stdout } = await ssh(await granted(lab.agent), ['cat'], { input: 'x'.repeat(300_000) })
    expect([code, stdout.length]).toEqual([0, 300_000])
  })

  test.skipIf(!isMounted)('that cannot be recorded any more is cut, with what runs in it', async () => {
    const grant = await granted(lab.agent)
    const { code, stderr } = await ssh(grant, ['cat', '/dev/urandom'])
    expect([code, stderr]).toEqual([255, expect.stringContaining('cannot be recorded')])
    expect(await session(grant)).toMatchObject({ status: 'cut', endReason: 'recording_failed' })
    await until(async () => !isRunning('cat /dev/urandom'))
    const before = lab.sshd.log().length
    const next = await granted(lab.agent)
    const answer = await lab.agent.calls('certlocker_run_ssh_command', { sessionId: next.sessionId, command: ['id'] })
    expect(answer.structured).toMatchObject({ status: 'failed', code: 'RECORDING_FAILED' })
    expect(lab.sshd.log().slice(before)).toBe('')
  })
})

describe('a host with OpenSSH refuses a certificate that', () => {
  const { privateKey: ca } = generateKeyPairSync('ed25519')
  const { privateKey: otherCa } = generateKeyPairSync('ed25519')
  const key = newSshKey()
  let host: RealSshd

  beforeAll(async () => {
    const started = await startSshd({ trusted: ed25519Line(ca) })
    if (started === undefined) throw new Error('no OpenSSH server: npm run tools')
    host = started
  })
  afterAll(() => host?.stop())

  async function shown(over: Partial<UserCertificate>, signedBy = ca): Promise<string> {
    const nowSeconds = Math.floor(Date.now() / 1000)
    const certificate = {
      publicKey: ed25519KeyOf(key.publicKey) ?? Buffer.alloc(0),
      serial: 1n,
      keyId: 'ssh_test',
      principals: [host.login],
      validAfter: nowSeconds - 60,
      validBefore: nowSeconds + 60,
      criticalOptions: {},
      extensions: [],
      ...over,
    }
    const login = {
      address: '127.0.0.1',
      port: host.port,
      principal: host.login,
      hostKeys: [host.hostKey],
      privateKey: key.privateKey,
      certificate: signUserCertificate(certificate, signedBy),
    }
    const connected = await new DirectTarget().connect(login, new AbortController().signal)
    if (!connected.ok) return connected.error.code
    connected.value.close()
    return 'let in'
  }

  test.each([
    ['another CA signed', {}, otherCa],
    ['has expired', { validBefore: 1_700_000_000, validAfter: 1_600_000_000 }, ca],
    ['is not good yet', { validAfter: 4_000_000_000, validBefore: 4_100_000_000 }, ca],
    ['is for another account', { principals: ['somebody-else'] }, ca],
    ['has a critical option that it does not know', { criticalOptions: { 'of@example.com': 'ours' } }, ca],
    ['is for another address', { criticalOptions: { 'source-address': '192.0.2.0/24' } }, ca],
  ])('%s', async (_, over, signedBy) => {
    expect(await shown({})).toBe('let in')
    expect(await shown(over, signedBy)).toBe('HOST_LOGIN_REFUSED')
  })
})

import { generateKeyPairSync } from 'node:crypto'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exercised } from '../support/components.ts'
import { type DevServer, startDevServer } from '../support/open-bao.ts'
import { granted, registerHost, type SshLab, sshLab } from '../support/ssh-lab.ts'

const bao = await startDevServer('bao')
const stored = ssh2.utils.generateKeyPairSync('ed25519')

describe.skipIf(bao === undefined)('with the SSH engine of OpenBao as the CA', () => {
  let lab: SshLab
  let server: DevServer

  beforeAll(async () => {
    if (bao === undefined) return
    server = bao
    await server.api('POST', 'sys/mounts/ssh', { type: 'ssh' })
    await server.api('POST', 'ssh/config/ca', { generate_signing_key: true })
    await role()
    const settings = {
      CERTLOCKER_VAULT__MOUNTS__SSH: 'ssh',
      CERTLOCKER_VAULT__ADDRESS: server.address,
      CERTLOCKER_VAULT__AUTH__METHOD: 'token',
      CERTLOCKER_VAULT__AUTH__TOKEN: server.rootToken,
    }
    const started = await sshLab(settings, stored.public)
    if (started === undefined) throw new Error('no OpenSSH server: npm run tools')
    lab = started
    exercised('vault')
  })
  afterAll(async () => {
    await lab?.stop()
    await server?.stop()
  })

  /** As docs/ssh.md sets it up, with whatever is different. */
  async function role(over: object = {}): Promise<void> {
    await server.api('POST', 'ssh/roles/certlocker', {
      key_type: 'ca',
      allow_user_certificates: true,
      allow_user_key_ids: true,
      allowed_users: '*',
      allowed_extensions: 'permit-pty',
      max_ttl: '10m',
      ...over,
    })
  }
  const run = async (args: object = {}) => {
    const { sessionId } = await granted(lab.agent, args)
    const { structured } = await lab.agent.calls('certlocker_run_ssh_command', { sessionId, command: ['id', '-un'] })
    return { sessionId, structured }
  }

  test('a host that trusts its key lets the session in, and logs whose it is', async () => {
    const { sessionId, structured } = await run()
    expect(structured).toMatchObject({ status: 'ok', exitCode: 0, stdout: `${lab.sshd.login}\n` })
    expect(lab.sshd.log()).toContain(`ID ${sessionId}`)
    const { body } = await lab.gateway.api.get('/ssh-ca')
    expect(body['publicKey']).toMatch(/^ssh-rsa /u)
  })

  test.each([
    ['signs for no such account', { allowed_users: 'somebody' }, 'SSH_CA_REFUSED'],
    ['permits forwarding by itself', { default_extensions: { 'permit-port-forwarding': '' } }, 'SSH_CA_REFUSED'],
    ['binds to a command of its own', { default_critical_options: { 'force-command': 'id' } }, 'SSH_CA_REFUSED'],
  ])('nothing is run with a role that %s', async (_, over, code) => {
    await role(over)
    const before = lab.sshd.log().length
    const { structured } = await run()
    await role({ default_extensions: {}, default_critical_options: {} })
    expect(structured).toMatchObject({ status: 'failed', code })
    expect(lab.sshd.log().slice(before)).not.toContain('Accepted')
    expect((await run()).structured).toMatchObject({ status: 'ok' })
  })

  test('a host that knows a key of its own is entered with the one that OpenBao keeps, which nobody gets to see', async () => {
    await lab.gateway.api.create('/secrets', { name: 'edge-key', groups: ['edge'], type: 'ssh', value: stored.private })
    await registerHost(lab.gateway, lab.sshd, 'old-1', { credential: { kind: 'secret', secret: 'edge-key' } })
    const { structured } = await run({ host: 'old-1' })
    expect(structured).toMatchObject({ status: 'ok', stdout: `${lab.sshd.login}\n` })
    expect(lab.sshd.log()).toContain('Accepted publickey')
    const { body } = await lab.gateway.api.get('/audit?limit=200')
    expect(JSON.stringify([structured, body, lab.gateway.auditLines])).not.toContain('PRIVATE KEY')
  })

  test('a stored credential that is no key of the host is refused, and its value is in no answer', async () => {
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
      publicKeyEncoding: { type: 'pkcs1', format: 'pem' },
    })
    for (const [name, value, code] of [
      ['foreign', privateKey, 'HOST_LOGIN_REFUSED'],
      ['word', 'correct horse battery staple', 'SSH_CREDENTIAL_INVALID'],
    ]) {
      await lab.gateway.api.create('/secrets', { name: `${name}-key`, groups: ['edge'], type: 'ssh', value })
      await registerHost(lab.gateway, lab.sshd, `${name}-1`, {
        credential: { kind: 'secret', secret: `${name}-key` },
      })
      expect((await run({ host: `${name}-1` })).structured).toMatchObject({ status: 'failed', code })
    }
  })
})

import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Agent, connect } from './agent.ts'
import { owner } from './given.ts'
import { type RealSshd, startSshd } from './real-sshd.ts'
import { type Settings, type TestGateway, testGateway } from './test-gateway.ts'

/** A gateway with its bastion, a real host that trusts its CA, and an agent that may reach it. */
export interface SshLab {
  readonly gateway: TestGateway
  readonly sshd: RealSshd
  readonly agent: Agent
  readonly token: string
  /** Events of these types, the oldest first. */
  events(...types: string[]): Promise<readonly Event[]>
  stop(): Promise<void>
}

export interface Event {
  readonly seq: number
  readonly type: string
  readonly code: string | null
  readonly outcome: string | null
  readonly requestId: string | null
  readonly actor: { readonly kind: string; readonly name: string } | null
  readonly details: { readonly [name: string]: unknown }
}

/**
 * @param authorized OpenSSH lines of keys that the host knows by themselves
 * @returns undefined where there is no OpenSSH server
 */
export async function sshLab(settings: Settings = {}, authorized = ''): Promise<SshLab | undefined> {
  const gateway = await testGateway(settings)
  const { body: ca } = await gateway.api.get('/ssh-ca')
  const sshd = await startSshd({ trusted: String(ca['publicKey']), authorized })
  if (sshd === undefined) {
    await gateway.stop()
    return undefined
  }
  const { api } = gateway
  await api.create('/groups', { name: 'edge', environment: 'staging' })
  await api.create('/people', { email: owner, name: 'Ana Owner', role: 'operator', groups: ['edge'] })
  await registerHost(gateway, sshd, 'edge-1')
  const scopes = ['ssh_session:request', 'host:read', 'secret:read']
  await api.create('/agents', { name: 'ops', owner, riskLevel: 'low', scopes, groups: ['edge'] })
  const { value } = await api.create('/tokens', { agentId: 'ops', name: 'test', groups: ['edge'], ttlSeconds: 3600 })
  const agent = await connect(gateway.url, String(value))
  return {
    gateway,
    sshd,
    agent,
    token: String(value),
    events: async (...types) => {
      const lists = await Promise.all(types.map((type) => api.get(`/audit?limit=200&type=${type}`)))
      const items = lists.flatMap(({ body }) => body['items'] as readonly Event[])
      return items.toSorted((one, other) => one.seq - other.seq)
    },
    stop: async () => {
      await agent.close()
      await gateway.stop()
      await sshd.stop()
    },
  }
}

/** Registers the real host under a name, with whatever is different about it. */
export async function registerHost(
  { api }: Pick<TestGateway, 'api'>,
  { port, hostKey, login }: Pick<RealSshd, 'port' | 'hostKey' | 'login'>,
  name: string,
  over: object = {},
): Promise<void> {
  await api.create('/hosts', {
    name,
    address: '127.0.0.1',
    port,
    groups: ['edge'],
    principals: [login],
    modes: ['exec', 'shell'],
    hostKeys: [hostKey],
    credential: { kind: 'certificate' },
    ...over,
  })
}

export interface Granted {
  readonly sessionId: string
  readonly command: string
  readonly ticket: string
  readonly hostKeyFingerprint: string
}

export async function granted(agent: Agent, args: object = {}): Promise<Granted> {
  const { structured } = await agent.calls('certlocker_request_ssh_session', { host: 'edge-1', ...args })
  if (structured['status'] !== 'ok') throw new Error(JSON.stringify(structured))
  const { sessionId, command, ticket, hostKeyFingerprint } = structured
  return {
    sessionId: String(sessionId),
    command: String(command),
    ticket: String(ticket),
    hostKeyFingerprint: String(hostKeyFingerprint),
  }
}

export interface SshRun {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The real `ssh` client, given the ticket as it asks for a password. */
export function ssh(
  { command, ticket }: Pick<Granted, 'command' | 'ticket'>,
  args: readonly string[],
  options: {
    readonly input?: string
    readonly flags?: readonly string[]
    readonly onOutput?: (text: string) => void
  } = {},
): Promise<SshRun> {
  const folder = mkdtempSync(join(tmpdir(), 'certlocker-askpass-'))
  const askPass = join(folder, 'ask')
  writeFileSync(askPass, '#!/bin/sh\nprintf %s "$TICKET"\n')
  chmodSync(askPass, 0o700)
  const [, ...words] = command.split(' ')
  const base = [
    '-F',
    'none',
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    '-o',
    'LogLevel=ERROR',
  ]
  const child = spawn(
    'ssh',
    [...base, '-o', 'NumberOfPasswordPrompts=1', ...(options.flags ?? []), ...words, ...args],
    {
      env: {
        PATH: process.env['PATH'],
        SSH_ASKPASS: askPass,
        SSH_ASKPASS_REQUIRE: 'force',
        TICKET: ticket,
        TERM: 'xterm',
      },
      stdio: 'pipe',
    },
  )
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
    options.onOutput?.(stdout)
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  child.stdin.end(options.input ?? '')
  return new Promise((resolve) => {
    child.once('close', (code) => {
      rmSync(folder, { recursive: true })
      resolve({ code, stdout, stderr })
    })
  })
}

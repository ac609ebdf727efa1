import type { Asked } from './question.ts'
import type { DemoHost } from './demo-host.ts'
import type { Seeded } from './seed.ts'
import { tokenFor } from './seed.ts'

const host = 'staging-runner-01'
const agent = 'hermes-ops'

/** Registers the host and an agent that may reach it. @returns what that agent asks, one after the other */
export async function sshQuestions(
  api: Seeded['api'],
  { port, hostKey, login }: Pick<DemoHost, 'port' | 'hostKey' | 'login'>,
): Promise<readonly (Asked & { readonly says: string })[]> {
  await api.post('/hosts', {
    name: host,
    address: '127.0.0.1',
    port,
    groups: ['staging'],
    principals: [login],
    modes: ['exec'],
    hostKeys: [hostKey],
    credential: { kind: 'certificate' },
  })
  const scopes = ['ssh_session:request']
  await api.post('/agents', { name: agent, owner: 'ana@example.com', riskLevel: 'low', scopes, groups: ['staging'] })
  const token = await tokenFor(api, agent, ['staging'])
  const run = { sessionId: '', command: ['uname', '-s'] }
  return [
    {
      says: `${agent} looks after a runner. It gets a recorded SSH session through the bastion, and no key.`,
      agent,
      token,
      tool: 'certlocker_request_ssh_session',
      arguments: { host, reason: 'The runner is slow' },
      answered: ({ sessionId }) => {
        run.sessionId = String(sessionId)
      },
      expected: { status: 'ok', events: 3 },
    },
    {
      says: 'It runs a command there. The bastion logs in with a certificate for this connection alone.',
      agent,
      token,
      tool: 'certlocker_run_ssh_command',
      arguments: run,
      expected: { status: 'ok', events: 4 },
    },
    {
      says: 'It tries a host that is not in its groups.',
      agent,
      token,
      tool: 'certlocker_request_ssh_session',
      arguments: { host: 'edge-proxy-01' },
      expected: {
        status: 'denied',
        events: 1,
        message: 'Access denied. Token is scoped to groups [staging], host is in [edge]',
      },
    },
  ]
}

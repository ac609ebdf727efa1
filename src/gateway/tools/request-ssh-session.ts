import {
  type RequestSshSession,
  requestSshSessionSchema,
  type SshGrant,
  sshGrantSchema,
  sshTtlSecondsDefault,
} from '../../domain/ssh/ssh-session.schema.ts'
import { agentFacts } from '../../domain/agents/agent.ts'
import { fault } from '../../kernel/fault.ts'
import { err } from '../../kernel/result.ts'
import { callAuthor } from '../ssh/call-author.ts'
import { grant, type GrantDeps, ttlSecondsMax } from '../ssh/grant.ts'
import { defineTool, type Tool } from '../tool.ts'

/** Grants a session on a host through the bastion, never a key. Scope: `ssh_session:request`. */
export function requestSshSession({ ssh }: { readonly ssh: GrantDeps }): Tool {
  return defineTool<RequestSshSession, SshGrant>({
    name: 'certlocker_request_ssh_session',
    title: 'Request an SSH session',
    description:
      'Grants a time-limited, recorded SSH session on one host, through the bastion; it never gives out a key. Then run ' +
      'commands with certlocker_run_ssh_command, or connect with the command and the ticket as the password. ' +
      'certlocker_list_allowed_hosts lists hosts, accounts and modes. The answer can be a denial with its reason, or ' +
      'approval_required: then call again with the same arguments later.',
    action: 'ssh.request',
    scopes: ['ssh_session:request'],
    readOnly: false,
    arguments: requestSshSessionSchema,
    result: sshGrantSchema,
    resource: ({ host }) => ({ type: 'host', name: host }),
    facts: ({ ttlSeconds = sshTtlSecondsDefault }) => ({ derived: { ttlSeconds } }),
    run: async ({ caller, resource, obligations, arguments: { principal, mode, ttlSeconds, reason } }) => {
      if (resource.type !== 'host' || resource.host === undefined) return err(fault('NOT_FOUND'))
      const { agent, token } = caller.standing
      const by = callAuthor(caller)
      return grant(ssh, by, {
        ...(principal === undefined ? {} : { principal }),
        ...(mode === undefined ? {} : { mode }),
        ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
        ...(reason === undefined ? {} : { reason }),
        host: resource.host,
        holder: { kind: 'agent', id: agent.id, name: agent.name },
        agent: { ...agentFacts(agent), tokenId: token.chainId, sessionId: caller.session.id },
        client: { ip: caller.request.clientIp, name: caller.client.name, version: caller.client.version },
        ttlSecondsMax: ttlSecondsMax(obligations),
      })
    },
  })
}

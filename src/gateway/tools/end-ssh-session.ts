import type { FromSchema } from 'json-schema-to-ts'
import { finishSshSession } from '../../domain/ssh/finish-ssh-session.ts'
import { sshSessionStates } from '../../domain/ssh/ssh-session.schema.ts'
import { fault } from '../../kernel/fault.ts'
import { err, ok } from '../../kernel/result.ts'
import { callAuthor } from '../ssh/call-author.ts'
import type { GrantDeps } from '../ssh/grant.ts'
import { defineTool, type Tool } from '../tool.ts'

const argumentsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['sessionId'],
  properties: {
    sessionId: { type: 'string', minLength: 1, maxLength: 64, description: 'Id of an SSH session of this agent' },
  },
} as const

const resultSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['sessionId', 'sessionStatus', 'endedAt'],
  properties: {
    sessionId: { type: 'string' },
    sessionStatus: { enum: sshSessionStates },
    endedAt: { type: 'string', format: 'date-time' },
  },
} as const

/** Ends a session of this agent, and whatever still runs in it. Scope: `ssh_session:request`. */
export function endSshSession({ ssh }: { readonly ssh: GrantDeps }): Tool {
  return defineTool<FromSchema<typeof argumentsSchema>, FromSchema<typeof resultSchema>>({
    name: 'certlocker_end_ssh_session',
    title: 'End an SSH session',
    description:
      'Ends an SSH session of this agent, with whatever still runs in it. Ending one that is over changes nothing.',
    action: 'ssh.end',
    scopes: ['ssh_session:request'],
    readOnly: false,
    arguments: argumentsSchema,
    result: resultSchema,
    resource: ({ sessionId }) => ({ type: 'ssh_session', name: sessionId }),
    run: async ({ caller, resource }) => {
      if (resource.type !== 'host' || resource.sshSession === undefined) return err(fault('NOT_FOUND'))
      const { sshSession } = resource
      const ended = await finishSshSession(ssh, callAuthor(caller), sshSession.id, 'requested')
      if (!ended.ok && ended.error.code !== 'SSH_SESSION_OVER') return ended
      const now = ended.ok ? ended.value : sshSession
      const endedAt = (now.endedAt ?? new Date(ssh.clock.now())).toISOString()
      return ok({ sessionId: now.id, sessionStatus: ended.ok ? ended.value.state : sshSession.state, endedAt })
    },
  })
}

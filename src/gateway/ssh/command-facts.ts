import type { Command } from '../../domain/ssh/command.ts'
import type { SshSession } from '../../domain/ssh/ssh-session.ts'
import type { CallFacts } from '../tool.ts'

/** A command as the policy judges it. What an approval of it is for outlives the session: agent, host, account and command. */
export function commandFacts(
  { agent, host, principal }: SshSession,
  { line, argv, hasShellSyntax }: Command,
): CallFacts {
  return {
    derived: { command: { argv0: argv[0] ?? '', argv, hasShellSyntax } },
    identity: { agent: agent?.id ?? '', host: host.id, principal, command: line },
  }
}

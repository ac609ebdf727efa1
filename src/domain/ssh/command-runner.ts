import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { BastionPlace } from './bastion-store.ts'

/** What is kept of each stream of a command: as much from its start and from its end. The recording holds everything. */
export const keptOutputBytes = 32 * 1024

/** One command to be run in a session, through a bastion. */
export interface CommandRun {
  readonly bastion: BastionPlace
  readonly sessionId: string
  readonly ticket: Secret<string>
  readonly command: string
  readonly timeoutMs: number
}

/** What a command wrote to one stream. */
export interface KeptOutput {
  readonly bytes: Buffer
  /** How many bytes were left out between the start and the end. */
  readonly leftOut: number
}

export interface CommandOutcome {
  readonly exitCode: number | null
  /** Without `SIG`; null when it ended by itself. */
  readonly signal: string | null
  readonly stdout: KeptOutput
  readonly stderr: KeptOutput
}

/** How the gateway itself comes to a host: over SSH to a bastion, as people do. */
export interface CommandRunner {
  /**
   * @returns how the command ended; SSH_COMMAND_TIMEOUT when it was stopped; BASTION_UNAVAILABLE; or whatever kept the
   * bastion from running it
   */
  run(run: CommandRun, signal: AbortSignal): Promise<Result<CommandOutcome, Fault>>
}

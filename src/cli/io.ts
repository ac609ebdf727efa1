import { text } from 'node:stream/consumers'
import { type CliEnvironment, cliEnvironment } from '../config/cli-environment.ts'

/** What a command touches besides the gateway, so that a test can stand in for the terminal. */
export interface CliIo {
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
  /** Standard input as it comes. */
  readonly input: NodeJS.ReadableStream
  /** All of standard input. */
  stdin(): Promise<string>
  readonly environment: CliEnvironment
  /** Once it was asked for, Ctrl-C and SIGTERM do not end the process but abort this signal. */
  readonly interrupted: AbortSignal
}

export function processIo(): CliIo {
  process.stdout.once('error', endQuietly)
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    input: process.stdin,
    stdin: () => text(process.stdin),
    environment: cliEnvironment(),
    get interrupted() {
      const controller = new AbortController()
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort())
      return controller.signal
    },
  }
}

/** Whoever reads our output has seen enough: `certlocker audit tail | head`. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
  process.exit()
}

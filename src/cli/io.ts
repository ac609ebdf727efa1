import { text } from 'node:stream/consumers'
import { type CliEnvironment, cliEnvironment } from '../config/cli-environment.ts'

/** What a command touches besides the gateway, so that a test can stand in for the terminal. */
export interface CliIo {
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
  /** All of standard input. */
  stdin(): Promise<string>
  readonly environment: CliEnvironment
  /** Aborted when the reader wants a following command to end. */
  readonly interrupted: AbortSignal
}

export function processIo(): CliIo {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: () => text(process.stdin),
    environment: cliEnvironment(),
    get interrupted() {
      const controller = new AbortController()
      process.once('SIGINT', () => controller.abort())
      return controller.signal
    },
  }
}

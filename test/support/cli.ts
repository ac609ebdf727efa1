import { PassThrough, Readable } from 'node:stream'
import { run } from '../../src/cli/main.ts'

export interface CliOutcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  readonly stdin?: string
  readonly interrupted?: AbortSignal
  /** Told of everything that is printed, as it comes. */
  readonly onOutput?: (stdoutSoFar: string) => void
}

export type Cli = (argv: readonly string[], options?: CliOptions) => Promise<CliOutcome>

/** The command line in this process, against one gateway and with one key. */
export function cliFor(url: string, apiKey: string | undefined): Cli {
  return async (argv, { stdin = '', interrupted = new AbortController().signal, onOutput = () => {} } = {}) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()]
    const printed = { stdout: '', stderr: '' }
    stdout.on('data', (chunk: Buffer) => {
      printed.stdout += chunk.toString()
      onOutput(printed.stdout)
    })
    stderr.on('data', (chunk: Buffer) => {
      printed.stderr += chunk.toString()
    })
    const exitCode = await run(argv, {
      stdout,
      stderr,
      input: Readable.from([stdin]),
      stdin: async () => stdin,
      environment: { url, apiKey, mcpToken: undefined },
      interrupted,
    })
    return { exitCode, ...printed }
  }
}

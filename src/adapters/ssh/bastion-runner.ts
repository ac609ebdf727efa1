import ssh2, { type ClientChannel } from 'ssh2'
import {
  type CommandOutcome,
  type CommandRun,
  type CommandRunner,
  type KeptOutput,
  keptOutputBytes,
} from '../../domain/ssh/command-runner.ts'
import { codeInMessage, loginOf } from '../../domain/ssh/login.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { type FaultCode, faults } from '../../kernel/faults.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { sshAlgorithms } from '../../kernel/ssh-algorithms.ts'

const CONNECT_MS = 10_000

/** Runs commands through a bastion, over SSH, with a ticket that is good for this one command. */
export class BastionRunner implements CommandRunner {
  run({ bastion, sessionId, ticket, command, timeoutMs }: CommandRun, signal: AbortSignal) {
    const client = new ssh2.Client()
    const [, base64 = ''] = bastion.hostKey.split(' ')
    const pinned = Buffer.from(base64, 'base64')
    return new Promise<Result<CommandOutcome, Fault>>((resolve) => {
      const timer = setTimeout(() => end(err(fault('SSH_COMMAND_TIMEOUT'))), timeoutMs)
      const abort = (): void => end(err(fault('SSH_COMMAND_TIMEOUT', { detail: 'the call was given up' })))
      const end = (result: Result<CommandOutcome, Fault>): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        client.destroy()
        resolve(result)
      }
      if (signal.aborted) return abort()
      signal.addEventListener('abort', abort, { once: true })
      client.on('error', (error) => end(err(fault('BASTION_UNAVAILABLE', { detail: error.message }))))
      client.once('close', () => end(err(fault('BASTION_UNAVAILABLE', { detail: 'the connection broke' }))))
      client.once('ready', () => {
        client.exec(command, (error, channel) => {
          if (error !== undefined) return end(err(fault('BASTION_UNAVAILABLE', { detail: error.message })))
          channel.end()
          return collect(channel, end)
        })
      })
      client.connect({
        host: bastion.address,
        port: bastion.port,
        username: loginOf(sessionId),
        password: ticket.expose(),
        readyTimeout: CONNECT_MS,
        // Typed as lists of literals that ssh2 would change.
        algorithms: { ...structuredClone(sshAlgorithms), serverHostKey: ['ssh-ed25519'] } as never,
        hostVerifier: (shown: Buffer, verify: (isPinned: boolean) => void) => verify(shown.equals(pinned)),
      })
      client.setNoDelay(true)
    })
  }
}

function collect(channel: ClientChannel, end: (result: Result<CommandOutcome, Fault>) => void): void {
  const [stdout, stderr] = [new Keeper(), new Keeper()]
  let exit: Pick<CommandOutcome, 'exitCode' | 'signal'> | undefined
  let refusal: Fault | undefined
  channel.on('data', (chunk: Buffer) => stdout.take(chunk))
  channel.stderr.on('data', (chunk: Buffer) => stderr.take(chunk))
  channel.once('exit', (exitCode: number | null, name?: string, _core?: unknown, said?: string) => {
    const code = codeInMessage(said ?? '')
    if (code !== undefined) refusal = faultOf(code)
    else exit = { exitCode, signal: name?.replace(/^SIG/u, '') ?? null }
  })
  channel.once('close', () => {
    if (refusal !== undefined) return end(err(refusal))
    if (exit === undefined) return end(err(fault('SSH_SESSION_CUT')))
    return end(ok({ ...exit, stdout: stdout.kept, stderr: stderr.kept }))
  })
}

function faultOf(code: string): Fault {
  return fault(isFaultCode(code) ? code : 'BASTION_UNAVAILABLE')
}

function isFaultCode(code: string): code is FaultCode {
  return Object.hasOwn(faults, code)
}

/** Keeps the start and the end of a stream, however long it is. */
class Keeper {
  #head = Buffer.alloc(0)
  #tail = Buffer.alloc(0)
  #leftOut = 0

  take(chunk: Buffer): void {
    const room = keptOutputBytes - this.#head.length
    this.#head = Buffer.concat([this.#head, chunk.subarray(0, room)])
    const tail = Buffer.concat([this.#tail, chunk.subarray(Math.min(room, chunk.length))])
    const over = Math.max(0, tail.length - keptOutputBytes)
    this.#tail = tail.subarray(over)
    this.#leftOut += over
  }

  get kept(): KeptOutput {
    const gap = this.#leftOut > 0 ? Buffer.from(`\n[… ${this.#leftOut} bytes left out …]\n`) : Buffer.alloc(0)
    return { bytes: Buffer.concat([this.#head, gap, this.#tail]), leftOut: this.#leftOut }
  }
}

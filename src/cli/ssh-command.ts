import { createHash } from 'node:crypto'
import { type Command, InvalidArgumentError, Option } from 'commander'
import ssh2, { type ClientChannel } from 'ssh2'
import { type Json, restApi } from './api.ts'
import { CliError, exitCodes } from './cli-error.ts'
import type { CliIo } from './io.ts'

const CONNECT_MS = 15_000
const COMMAND_LINE = /^ssh -p (\d+) ([^@\s]+)@(\S+)$/u

/** Adds `certlocker ssh HOST [-- COMMAND…]`: a person's own session, through the same policy and bastion as an agent's. */
export function registerSshCommand(program: Command, io: CliIo, exitWith: (code: number) => void): void {
  program
    .command('ssh')
    .description('Open an SSH session of your own on a host, through the bastion')
    .argument('<host>', 'name of the host')
    .argument('[command...]', 'what to run, after --; a shell when there is none')
    .addOption(new Option('--principal <account>', 'account on the host'))
    .addOption(new Option('--ttl-seconds <number>', 'how long it may last').argParser(parseSeconds))
    .addOption(new Option('--reason <text>', 'what it is for, for the log'))
    .action(async (host: string, command: readonly string[], flags: Json) => {
      const body = {
        host,
        mode: command.length > 0 ? 'exec' : 'shell',
        ...(flags['principal'] === undefined ? {} : { principal: flags['principal'] }),
        ...(flags['ttlSeconds'] === undefined ? {} : { ttlSeconds: flags['ttlSeconds'] }),
        ...(flags['reason'] === undefined ? {} : { reason: flags['reason'] }),
      }
      const grant = await restApi(io.environment).call('POST', '/ssh-sessions', { body })
      exitWith(await open(grant, command.join(' '), io))
    })
}

function parseSeconds(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is a whole number of seconds from 1.')
}

/** @returns the exit code of what ran, 255 when the session was not carried */
function open(grant: Json, command: string, io: CliIo): Promise<number> {
  const [, port, username = '', host = ''] = COMMAND_LINE.exec(String(grant['command'])) ?? []
  const client = new ssh2.Client()
  return new Promise((resolve, reject) => {
    client.on('error', (error) =>
      reject(new CliError(exitCodes.failed, `the bastion ${host}:${port} cannot be reached: ${error.message}`, error)),
    )
    client.once('ready', () => {
      const opened = (error: Error | undefined, channel: ClientChannel): void => {
        if (error !== undefined) return reject(new CliError(exitCodes.failed, error.message, error))
        return carry(channel, io, (code) => {
          client.end()
          resolve(code)
        })
      }
      if (command === '') client.shell(windowOf(), opened)
      else client.exec(command, opened)
    })
    client.connect({
      host,
      port: Number(port),
      username,
      password: String(grant['ticket']),
      readyTimeout: CONNECT_MS,
      // In this form alone: ssh2 takes everything but `false` for consent.
      hostVerifier: (key: Buffer, verify: (isOurs: boolean) => void) =>
        verify(fingerprintOf(key) === grant['hostKeyFingerprint']),
    })
  })
}

function carry(channel: ClientChannel, { stdout, stderr, input }: CliIo, done: (code: number) => void): void {
  let code = 255
  const restore = raw(input)
  const resize = (): void => {
    const { rows, cols } = windowOf()
    channel.setWindow(rows, cols, 0, 0)
  }
  process.stdout.on('resize', resize)
  channel.on('data', (chunk: Buffer) => stdout.write(chunk))
  channel.stderr.on('data', (chunk: Buffer) => stderr.write(chunk))
  channel.on('error', () => undefined)
  input.pipe(channel)
  channel.once('exit', (exit: number | null) => {
    code = exit ?? 255
  })
  channel.once('close', () => {
    process.stdout.off('resize', resize)
    input.unpipe(channel)
    input.pause()
    restore()
    done(code)
  })
}

/** Keys go to the host as they are pressed. @returns how that is undone */
function raw(input: NodeJS.ReadableStream): () => void {
  if (input !== process.stdin || !process.stdin.isTTY) return () => undefined
  process.stdin.setRawMode(true)
  return () => void process.stdin.setRawMode(false)
}

function windowOf() {
  const { columns, rows } = process.stdout
  // Undefined, whatever the types say, where the output is no terminal.
  return { rows: rows || 24, cols: columns || 80, term: 'xterm-256color', width: 0, height: 0 }
}

function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/u, '')}`
}

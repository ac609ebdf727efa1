import type { ClientChannel, ParsedKey } from 'ssh2'
import type {
  EphemeralKey,
  SshTarget,
  TargetChannel,
  TargetConnection,
  TargetLogin,
  Terminal,
} from '../../domain/ssh/ssh-target.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { sshAlgorithms } from '../../kernel/ssh-algorithms.ts'
import { newSshKey } from '../../kernel/ssh-key.ts'
import { CertificateClient, certifiedKey, readPrivateKey } from './certificate-client.ts'

const CONNECT_MS = 10_000
const KEEPALIVE_MS = 15_000
const KEEPALIVES_MISSED_MAX = 3
const RSA_HOST_KEYS = ['rsa-sha2-512', 'rsa-sha2-256']

/** Connects from this machine to the host. */
export class DirectTarget implements SshTarget {
  newKey(): EphemeralKey {
    return newSshKey()
  }

  async connect(login: TargetLogin, signal: AbortSignal): Promise<Result<TargetConnection, Fault>> {
    const { certificate } = login
    const key =
      certificate === undefined
        ? readPrivateKey(login.privateKey.expose())
        : certifiedKey(login.privateKey.expose(), certificate)
    if (key === undefined) return err(fault('SSH_CREDENTIAL_INVALID'))
    if (signal.aborted) return err(fault('SSH_SESSION_OVER'))
    const client = new CertificateClient()
    const ready = await logIn(client, login, key, signal)
    return ready.ok ? ok(connectionOf(client)) : ready
  }
}

function logIn(
  client: CertificateClient,
  { address, port, principal, hostKeys }: TargetLogin,
  key: ParsedKey,
  signal: AbortSignal,
): Promise<Result<void, Fault>> {
  const pinned = hostKeys.map((line) => line.split(' '))
  const types = pinned.flatMap(([type = '']) => (type === 'ssh-rsa' ? RSA_HOST_KEYS : [type]))
  let isOther = false
  return new Promise((resolve) => {
    const stop = (): void => void client.destroy()
    const end = (result: Result<void, Fault>): void => {
      signal.removeEventListener('abort', stop)
      resolve(result)
    }
    signal.addEventListener('abort', stop, { once: true })
    client.once('ready', () => end(ok(undefined)))
    // Stays for good: an error without a listener would end the process.
    client.on('error', (error) => end(err(loginFault(error, isOther))))
    client.once('close', () => end(err(fault('HOST_UNREACHABLE', { detail: 'the connection was closed' }))))
    client.connect({
      host: address,
      port,
      username: principal,
      readyTimeout: CONNECT_MS,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: KEEPALIVES_MISSED_MAX,
      // Typed as lists of literals that ssh2 would change.
      algorithms: { ...structuredClone(sshAlgorithms), serverHostKey: types } as never,
      // In this form alone: ssh2 takes everything but `false` for consent, a promise of it too.
      hostVerifier: (shown: Buffer, verify: (isPinned: boolean) => void) => {
        const isPinned = pinned.some(([, base64 = '']) => Buffer.from(base64, 'base64').equals(shown))
        isOther = !isPinned
        verify(isPinned)
      },
      // Its types know this form for a function only.
      authHandler: [{ type: 'publickey', username: principal, key }] as never,
    })
    client.setNoDelay(true)
  })
}

function loginFault(error: Error & { readonly level?: string }, isOther: boolean): Fault {
  const detail = error.message
  if (isOther || (error.level === 'handshake' && detail.includes('host key')))
    return fault('HOST_KEY_MISMATCH', { detail })
  return fault(error.level === 'client-authentication' ? 'HOST_LOGIN_REFUSED' : 'HOST_UNREACHABLE', { detail })
}

function connectionOf(client: CertificateClient): TargetConnection {
  return {
    open: (command, terminal) =>
      new Promise((resolve) => {
        const broken = (): void => resolve(err(fault('HOST_UNREACHABLE', { detail: 'the connection broke' })))
        client.once('close', broken)
        const opened = (error: Error | undefined, channel: ClientChannel): void => {
          if (error === undefined) resolve(ok(channelOf(channel)))
          else resolve(err(fault('HOST_LOGIN_REFUSED', { detail: error.message })))
        }
        const pty = terminal === undefined ? undefined : ptyOf(terminal)
        try {
          if (command === undefined) client.shell(pty ?? false, opened)
          else client.exec(command, pty === undefined ? {} : { pty }, opened)
        } catch (error) {
          resolve(err(fault('HOST_UNREACHABLE', { cause: error })))
        }
      }),
    close: () => {
      client.end()
      setTimeout(() => client.destroy(), 1_000).unref()
    },
  }
}

function channelOf(channel: ClientChannel): TargetChannel {
  // Stays for good, as above.
  channel.on('error', () => undefined)
  channel.stderr.on('error', () => undefined)
  return {
    stream: channel,
    stderr: channel.stderr,
    exit: new Promise((resolve) => {
      channel.once('exit', (code: number | null, name?: string) =>
        resolve({ code, signal: name === undefined ? null : name.replace(/^SIG/u, '') }),
      )
      channel.once('close', () => resolve({ code: null, signal: null }))
    }),
    resize: ({ columns, rows }) => channel.setWindow(rows, columns, 0, 0),
    signal: (name) => signalTo(channel, name),
  }
}

/** ssh2 sends no signal any more once the channel's input has ended, which is when a signal is needed most. */
function signalTo(channel: ClientChannel, name: string): void {
  const { outgoing, _client } = channel as unknown as {
    readonly outgoing: { readonly id: number; readonly state: string }
    readonly _client: { readonly _protocol: { signal(id: number, name: string): void } }
  }
  if (outgoing.state === 'open' || outgoing.state === 'eof') _client._protocol.signal(outgoing.id, name)
}

function ptyOf({ type, columns, rows }: Terminal) {
  return { term: type, cols: columns, rows }
}

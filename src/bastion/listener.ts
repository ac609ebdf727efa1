import { once } from 'node:events'
import ssh2, { type AuthContext, type Connection, type Server, type Session } from 'ssh2'
import { sessionOfLogin } from '../domain/ssh/login.ts'
import { type Redeemed, redeemSshTicket, type TicketRefusal } from '../domain/ssh/redeem-ssh-ticket.ts'
import type { TargetChannel, Terminal } from '../domain/ssh/ssh-target.ts'
import type { AuthFailures } from '../gateway/auth-failures.ts'
import { FaultError, fault } from '../kernel/fault.ts'
import { newId } from '../kernel/ids.ts'
import { sshAlgorithms } from '../kernel/ssh-algorithms.ts'
import { carry, type ConnectionDeps, type Wanted } from './connection.ts'
import { DoorLimits, doorLimits } from './door-limits.ts'
import type { BastionHostKey } from './host-key.ts'
import type { Recorder } from './recorder.ts'

export interface ListenerDeps extends ConnectionDeps {
  readonly hostKey: BastionHostKey
  readonly tickets: Parameters<typeof redeemSshTicket>[0]
  readonly authFailures: AuthFailures
  /** Under way, so that stopping can wait for it. */
  readonly underWay: Set<Promise<void>>
}

const TERMINAL_NAME = /^[A-Za-z0-9._+-]{1,64}$/u
const TERMINAL_CELLS_MAX = 1_000
/** ssh2 asks for lists that it could change. */
const mutableAlgorithms = {
  kex: [...sshAlgorithms.kex],
  cipher: [...sshAlgorithms.cipher],
  hmac: [...sshAlgorithms.hmac],
  compress: [...sshAlgorithms.compress],
}
const SIGNALS = new Set(['INT', 'TERM', 'KILL', 'HUP', 'QUIT', 'USR1', 'USR2'])

/**
 * The SSH server at the door. It knows one way in: the ticket of a session as the password. Whatever it is not told to
 * do, ssh2 refuses: forwarding of ports, sockets, agents and X11, subsystems, environment variables.
 */
export function createListener(deps: ListenerDeps): Server {
  const doors = new DoorLimits()
  const server = new ssh2.Server(
    {
      hostKeys: [deps.hostKey.privateKey.expose()],
      ident: 'certlocker',
      algorithms: { ...mutableAlgorithms, serverHostKey: ['ssh-ed25519'] },
    },
    (client, { ip }) => {
      // Stays for good: an error without a listener would end the process.
      client.on('error', () => undefined)
      // Else every step of a login waits for the client to acknowledge the one before, 40 ms each.
      client.setNoDelay(true)
      const giveBack = doors.take(ip)
      if (giveBack === undefined) return void client.end()
      client.once('close', giveBack)
      return admit(deps, client, ip)
    },
  )
  server.on('error', (error: Error) => deps.log.error('the SSH listener failed', { error }))
  return server
}

/** @returns the port @throws FaultError ADDRESS_TAKEN */
export async function listenOn(server: Server, host: string, port: number): Promise<number> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new FaultError(fault('ADDRESS_TAKEN', { detail: `bastion, ${host}:${port}`, cause }))
  }
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('a TCP listener has a port')
  return address.port
}

function admit(deps: ListenerDeps, client: Connection, ip: string): void {
  const grace = setTimeout(() => client.end(), doorLimits.graceMs)
  let tries = 0
  let redeemed: Redeemed | undefined
  client.once('close', () => clearTimeout(grace))
  client.on('authentication', (context) => {
    if (context.method === 'none') return context.reject(['password'])
    tries += 1
    if (tries > doorLimits.triesMax) return void client.end()
    return void logIn(deps, context, ip).then(
      (found) => {
        redeemed = found
        if (found === undefined) context.reject(['password'])
        else context.accept()
      },
      (error: unknown) => {
        deps.log.error('an SSH login could not be looked at', { error })
        client.end()
      },
    )
  })
  client.once('ready', () => {
    clearTimeout(grace)
    let isTaken = false
    client.on('session', (accept, reject) => {
      if (isTaken || redeemed === undefined) return reject()
      isTaken = true
      return serve(deps, client, accept(), { redeemed, ip })
    })
    // A connection that asks for nothing is not kept.
    setTimeout(() => {
      if (!isTaken) client.end()
    }, doorLimits.graceMs).unref()
  })
}

/** A public key is never let in, signed or not: there is none that this door knows. */
async function logIn(deps: ListenerDeps, context: AuthContext, ip: string): Promise<Redeemed | undefined> {
  const sessionId = sessionOfLogin(context.username)
  if (context.method !== 'password') return undefined
  const found =
    sessionId === undefined
      ? ({ ok: false, error: 'TICKET_UNKNOWN_OR_USED' } as const)
      : await redeemSshTicket(deps.tickets, { sessionId, ticket: context.password, sourceIp: ip })
  if (found.ok) return found.value
  await refused(deps, found.error, sessionId ?? '', ip)
  return undefined
}

async function refused(deps: ListenerDeps, reason: TicketRefusal, sshSessionId: string, ip: string): Promise<void> {
  const request = { id: newId('req'), traceparent: null, clientIp: ip }
  await deps.authFailures.record(reason, request, { details: { door: 'bastion', sshSessionId } })
}

/** One channel: what the client says about its terminal first, then the one thing that it wants. */
function serve(
  deps: ListenerDeps,
  client: Connection,
  session: Session,
  { redeemed, ip }: { readonly redeemed: Redeemed; readonly ip: string },
): void {
  let terminal: Terminal | undefined
  let target: TargetChannel | undefined
  let recorder: Recorder | undefined
  let isTaken = false
  const take = (
    accept: () => Parameters<typeof carry>[1],
    reject: (() => void) | undefined,
    command?: string,
  ): void => {
    if (isTaken) return reject?.()
    isTaken = true
    // Now or never: a client that has said that it sends nothing gets no channel later.
    const channel = accept()
    channel.on('error', () => undefined)
    channel.stderr.on('error', () => undefined)
    const wanted: Wanted = {
      redeemed,
      command,
      terminal,
      clientIp: ip,
      opened: (opened, recording) => {
        target = opened
        recorder = recording
      },
    }
    const carrying = carry(deps, channel, wanted).finally(() => {
      deps.underWay.delete(carrying)
      setTimeout(() => client.end(), 500).unref()
    })
    deps.underWay.add(carrying)
  }
  session.on('pty', (accept, reject, { cols, rows, ...info }) => {
    const term: unknown = 'term' in info ? info.term : ''
    if (redeemed.session.mode !== 'shell') return reject?.()
    const type = typeof term === 'string' && TERMINAL_NAME.test(term) ? term : 'xterm'
    terminal = { type, columns: cells(cols), rows: cells(rows) }
    return accept?.()
  })
  session.on('window-change', (accept, _reject, { cols, rows }) => {
    const size = { columns: cells(cols), rows: cells(rows) }
    target?.resize(size)
    void recorder?.resize(size.columns, size.rows).catch(() => undefined)
    accept?.()
  })
  session.on('signal', (accept, _reject, { name }) => {
    if (SIGNALS.has(name)) target?.signal(name)
    accept?.()
  })
  session.on('exec', (accept, reject, { command }) => take(accept, reject, command))
  session.on('shell', (accept, reject) => take(accept, reject))
}

function cells(count: number): number {
  return Math.min(Math.max(1, count), TERMINAL_CELLS_MAX)
}

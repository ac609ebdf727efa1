import type { ServerChannel } from 'ssh2'
import type { Author } from '../domain/audit/author.ts'
import { type Command, commandCharactersUnfit, parseCommand } from '../domain/ssh/command.ts'
import { faultMessage, faultSignal } from '../domain/ssh/login.ts'
import type { Redeemed } from '../domain/ssh/redeem-ssh-ticket.ts'
import { recordingPath, type RecordingSeal } from '../domain/ssh/recording-file.ts'
import { type ClosedConnection, sealRecording } from '../domain/ssh/seal-recording.ts'
import { activate, type SshEndReason, type SshSession } from '../domain/ssh/ssh-session.ts'
import { sshSessionEntry } from '../domain/ssh/ssh-session-events.ts'
import type { TargetChannel, TargetExit, Terminal } from '../domain/ssh/ssh-target.ts'
import type { InTransaction } from '../domain/work.ts'
import { type Fault, fault } from '../kernel/fault.ts'
import type { FaultCode } from '../kernel/faults.ts'
import { newId } from '../kernel/ids.ts'
import type { Log } from '../kernel/log.ts'
import { err, ok, type Result } from '../kernel/result.ts'
import { type Admission, askPolicy, type AskPolicyDeps } from '../gateway/ssh/ask-policy.ts'
import { boundedCommand } from './bounded-command.ts'
import type { LiveSessions } from './live-sessions.ts'
import { reachHost, type ReachHostDeps } from './reach-host.ts'
import { Recorder } from './recorder.ts'
import { relay, type RelayLimits } from './relay.ts'

export interface ConnectionDeps extends AskPolicyDeps, ReachHostDeps {
  readonly inTransaction: InTransaction
  readonly live: LiveSessions
  readonly recordingsDir: string
  readonly limits: RelayLimits
  readonly log: Log
  readonly faultOf: (error: unknown) => Fault
}

/** What a client asked for once it had shown its ticket. */
export interface Wanted {
  readonly redeemed: Redeemed
  /** Undefined for a shell. */
  readonly command: string | undefined
  readonly terminal: Terminal | undefined
  readonly clientIp: string
  /** Told once there is something to tell signals and sizes to. */
  readonly opened: (target: TargetChannel, recorder: Recorder) => void
}

const withoutTerminal: Terminal = { type: 'dumb', columns: 80, rows: 24 }

/**
 * Carries one connection of a session from the ticket to the end of its recording. The channel was accepted before: a
 * client that says early that it sends nothing must not be forgotten. Never rejects.
 */
export async function carry(deps: ConnectionDeps, channel: ServerChannel, wanted: Wanted): Promise<void> {
  const { session } = wanted.redeemed
  const abort = new AbortController()
  const connection = { session, abort }
  channel.once('close', () => abort.abort('closed' satisfies SshEndReason))
  const remainingMs = session.expiresAt.getTime() - deps.clock.now()
  const timer = setTimeout(() => abort.abort('ttl' satisfies SshEndReason), Math.max(0, remainingMs))
  deps.live.add(connection)
  try {
    const ended = await run(deps, channel, wanted, abort)
    if (ended.ok) leave(channel, ended.value)
    else refuse(deps, channel, session, ended.error)
  } catch (error) {
    // The bastion's catch site: whatever broke, this connection ends and no other one.
    refuse(deps, channel, session, deps.faultOf(error))
    deps.log.error('an SSH connection broke off', { sshSessionId: session.id, error })
  } finally {
    clearTimeout(timer)
    deps.live.remove(connection)
  }
}

async function run(
  deps: ConnectionDeps,
  channel: ServerChannel,
  wanted: Wanted,
  abort: AbortController,
): Promise<Result<TargetExit, Fault>> {
  const { session, binding } = wanted.redeemed
  const requestId = 'requestId' in binding ? binding.requestId : newId('req')
  const command = readCommand(wanted)
  if (!command.ok) return command
  const isDecided = 'command' in binding
  const asked = { command: isDecided ? undefined : command.value, clientIp: wanted.clientIp, requestId }
  const admission = await askPolicy(deps, session, asked)
  if (!admission.ok) return admission
  const terminal = wanted.terminal ?? withoutTerminal
  const recording = newId('ssh')
  const recorder = await openRecorder(deps, session, { id: recording, command: command.value, terminal })
  if (!recorder.ok) return failSession(deps, session, admission.value.by, recorder.error)
  const started = await start(deps, session, { by: admission.value.by, recording, command: command.value, wanted })
  if (!started.ok) {
    await recorder.value.discard()
    return started
  }
  const end = { by: admission.value.by, recording, endsSession: !isDecided }
  const carried = await carryToHost(deps, channel, wanted, {
    admission: admission.value,
    command: command.value,
    recorder: recorder.value,
    abort,
  })
  return close(deps, session, recorder.value, { ...end, carried })
}

/** What the client asks for has to be what the session, and where there is one the gateway's decision, is for. */
function readCommand({ redeemed: { session, binding }, command }: Wanted): Result<Command | undefined, Fault> {
  if ((command === undefined) !== (session.mode === 'shell')) {
    const message = `The SSH session is for ${session.mode === 'shell' ? 'a shell' : 'commands'}`
    return err(fault('SSH_SESSION_MODE', { message }))
  }
  if (command === undefined) return ok(undefined)
  const unfit = commandCharactersUnfit(command)
  if (unfit !== undefined) return err(fault('ARGUMENT_INVALID', { message: unfit }))
  if ('command' in binding && binding.command !== command) return err(fault('ACCESS_DENIED'))
  return ok(parseCommand(command))
}

async function openRecorder(
  deps: ConnectionDeps,
  session: SshSession,
  {
    id,
    command,
    terminal,
  }: { readonly id: string; readonly command: Command | undefined; readonly terminal: Terminal },
): Promise<Result<Recorder, Fault>> {
  try {
    const header = { title: session.id, command: command?.line ?? '', startedAtMs: deps.clock.now(), terminal }
    return ok(await Recorder.open(recordingPath(deps.recordingsDir, id), header))
  } catch (cause) {
    return err(fault('RECORDING_FAILED', { cause }))
  }
}

interface Start {
  readonly by: Author
  readonly recording: string
  readonly command: Command | undefined
  readonly wanted: Wanted
}

/** On record before anything is done: that the session was opened, by which decision, and what is run in it. */
async function start(
  { inTransaction, clock }: ConnectionDeps,
  session: SshSession,
  { by, recording, command, wanted }: Start,
): Promise<Result<SshSession, Fault>> {
  return inTransaction(async (work) => {
    const before = await work.sshSessions.findForUpdate(session.id)
    if (before === undefined) return err(fault('NOT_FOUND'))
    const now = new Date(clock.now())
    const after = activate(before, now)
    if (!after.ok) return after
    await work.sshSessions.save(after.value)
    await work.sshSessions.beginRecording(session.id, recording, now)
    const details = { clientIp: wanted.clientIp, recording }
    if (before.state === 'granted') work.record(sshSessionEntry(by, 'SSH_SESSION_STARTED', after.value, details))
    if (command !== undefined)
      work.record(sshSessionEntry(by, 'SSH_SESSION_COMMAND', after.value, { ...details, command: command.line }))
    return after
  })
}

interface Carrying {
  readonly admission: Admission
  readonly command: Command | undefined
  readonly recorder: Recorder
  readonly abort: AbortController
}

type Carried = Result<{ readonly exit: TargetExit; readonly brokenOff: SshEndReason | undefined }, Fault>

async function carryToHost(
  deps: ConnectionDeps,
  channel: ServerChannel,
  { redeemed: { session }, terminal, opened }: Wanted,
  { admission, command, recorder, abort }: Carrying,
): Promise<Carried> {
  const connection = await reachHost(deps, session, admission.host, abort.signal)
  if (!connection.ok) return connection
  try {
    const seconds = (session.expiresAt.getTime() - deps.clock.now()) / 1000
    const line = command && boundedCommand(command.line, seconds)
    if (abort.signal.aborted) return err(fault('SSH_SESSION_OVER'))
    const target = await connection.value.open(
      line,
      session.mode === 'shell' ? (terminal ?? withoutTerminal) : undefined,
    )
    if (!target.ok) return target
    opened(target.value, recorder)
    return ok(await relay(channel, target.value, recorder, deps.limits, abort))
  } finally {
    connection.value.close()
  }
}

interface Closing {
  readonly by: Author
  readonly recording: string
  readonly endsSession: boolean
  readonly carried: Carried
}

async function close(
  deps: ConnectionDeps,
  session: SshSession,
  recorder: Recorder,
  { by, recording, endsSession, carried }: Closing,
): Promise<Result<TargetExit, Fault>> {
  const sealed = await sealOf(recorder, carried)
  const broken = carried.ok ? carried.value.brokenOff : reasonOfFault(carried.error)
  const reason = sealed.ok ? broken : 'recording_failed'
  const closed: ClosedConnection = {
    sshSessionId: session.id,
    recording: { id: recording, ...(sealed.ok ? sealed.value : { sha256: '', bytes: 0 }) },
    ends: endsSession || (reason !== undefined && endsAll.has(reason)) ? (reason ?? 'closed') : undefined,
  }
  const after = await sealRecording(deps, { ...by, decision: null }, closed)
  if (!after.ok) return after
  if (!sealed.ok) return sealed
  if (!carried.ok) return carried
  const code = carried.value.brokenOff === undefined ? undefined : faultOfReason[carried.value.brokenOff]
  return code === undefined ? ok(carried.value.exit) : err(fault(code))
}

/** What ends a session with all of its connections. What goes wrong with a single command leaves it for the next. */
const endsAll: ReadonlySet<SshEndReason> = new Set([
  'output_limit',
  'recording_failed',
  'host_key_mismatch',
  'policy',
  'suspended',
  'revoked',
  'killed',
])

const faultOfReason: Partial<Record<SshEndReason, FaultCode>> = {
  ttl: 'SSH_SESSION_OVER',
  idle: 'SSH_IDLE',
  requested: 'SSH_SESSION_OVER',
  output_limit: 'SSH_OUTPUT_LIMIT',
  recording_failed: 'RECORDING_FAILED',
  suspended: 'SSH_SESSION_CUT',
  revoked: 'SSH_SESSION_CUT',
  killed: 'SSH_SESSION_CUT',
  admin: 'SSH_SESSION_CUT',
  session_ended: 'SSH_SESSION_CUT',
  policy: 'SSH_SESSION_CUT',
}

async function sealOf(recorder: Recorder, carried: Carried): Promise<Result<RecordingSeal, Fault>> {
  try {
    const exit = carried.ok ? String(carried.value.exit.code ?? carried.value.exit.signal ?? '') : carried.error.code
    return ok(await recorder.seal(exit))
  } catch (cause) {
    return err(fault('RECORDING_FAILED', { cause }))
  }
}

async function failSession(
  deps: ConnectionDeps,
  session: SshSession,
  by: Author,
  failure: Fault,
): Promise<Result<never, Fault>> {
  await deps.inTransaction(async (work) => {
    const before = await work.sshSessions.findForUpdate(session.id)
    if (before === undefined) return err(fault('NOT_FOUND'))
    return work.finishSsh({ ...by, decision: null }, before, 'recording_failed', new Date(deps.clock.now()))
  })
  return err(failure)
}

function reasonOfFault({ code }: Fault): SshEndReason {
  if (code === 'HOST_UNREACHABLE') return 'host_unreachable'
  if (code === 'HOST_KEY_MISMATCH') return 'host_key_mismatch'
  return code === 'HOST_LOGIN_REFUSED' ? 'login_refused' : 'failed'
}

/** RFC 4254, section 6.10. ssh2 throws at any other. */
const exitSignals = new Set('ABRT ALRM FPE HUP ILL INT KILL PIPE QUIT SEGV TERM USR1 USR2'.split(' '))

function leave(channel: ServerChannel, { code, signal }: TargetExit): void {
  if (!channel.writable) return
  if (signal !== null && exitSignals.has(signal)) channel.exit(signal, false, '')
  else channel.exit(code ?? 255)
  channel.end()
}

function refuse(deps: ConnectionDeps, channel: ServerChannel, session: SshSession, failure: Fault): void {
  const { code, message, detail, cause } = failure
  deps.log.warn('an SSH session was not carried', { sshSessionId: session.id, code, detail, error: cause })
  if (!channel.writable) return
  channel.stderr.write(`certlocker: ${message}\r\n`)
  channel.exit(faultSignal, false, faultMessage(code))
  channel.end()
}

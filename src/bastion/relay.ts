import type { Duplex, Readable, Writable } from 'node:stream'
import { type SshEndReason, sshEndReasons } from '../domain/ssh/ssh-session.ts'
import type { TargetChannel, TargetExit } from '../domain/ssh/ssh-target.ts'
import type { Recorder } from './recorder.ts'

export interface RelayLimits {
  /** Bytes that host and client may send together, in one connection. */
  readonly relayedBytesMax: number
  /** Characters that the recording may grow to, before compression: what escapes in JSON grows there. */
  readonly recordedCharactersMax: number
  readonly idleMs: number
}

export interface Relayed {
  readonly exit: TargetExit
  /** Why it was broken off; undefined when the host or the client ended it. */
  readonly brokenOff: SshEndReason | undefined
}

/**
 * Carries bytes between a client and a host until either ends, and records both ways. Whoever is slow slows the other: the
 * client, the host, and the disk of the recording. Once it is over, nothing that was started on the host goes on.
 * @param abort breaks it off from outside, also when that was before; its reason is a `SshEndReason`
 */
export async function relay(
  client: Duplex & { readonly stderr: Writable },
  target: TargetChannel,
  recorder: Recorder,
  limits: RelayLimits,
  abort: AbortController,
): Promise<Relayed> {
  let relayedBytes = 0
  let movedAtMs = performance.now()
  const tap = async (stream: 'o' | 'e' | 'i', chunk: Buffer): Promise<void> => {
    movedAtMs = performance.now()
    relayedBytes += chunk.length
    if (relayedBytes > limits.relayedBytesMax || recorder.characters > limits.recordedCharactersMax) {
      return abort.abort('output_limit' satisfies SshEndReason)
    }
    await recorder.data(stream, chunk).catch(() => abort.abort('recording_failed' satisfies SshEndReason))
  }
  const idle = setInterval(
    () => {
      // Sizes of a window are recorded too, and nothing is relayed of them.
      if (recorder.characters > limits.recordedCharactersMax) abort.abort('output_limit' satisfies SshEndReason)
      if (performance.now() - movedAtMs > limits.idleMs) abort.abort('idle' satisfies SshEndReason)
    },
    Math.min(1_000, limits.idleMs),
  )
  const { signal } = abort
  const left = new Promise<void>((resolve) => client.once('close', resolve))
  const aborted = abortOf(signal)
  const outputs = Promise.all([
    pump(target.stream, client, (chunk) => tap('o', chunk), signal),
    pump(target.stderr, client.stderr, (chunk) => tap('e', chunk), signal),
  ])
  void pump(client, target.stream, (chunk) => tap('i', chunk), signal).then(() => target.stream.end())
  await Promise.race([outputs, left, aborted])
  clearInterval(idle)
  const isOver = await Promise.race([target.exit, left, aborted].map((each) => each.then((exit) => exit ?? undefined)))
  if (isOver === undefined) target.signal('KILL')
  return { exit: isOver ?? { code: null, signal: null }, brokenOff: signal.aborted ? reasonOf(signal) : undefined }
}

function reasonOf(signal: AbortSignal): SshEndReason {
  const reason: unknown = signal.reason
  return (
    Object.values(sshEndReasons)
      .flat()
      .find((known) => known === reason) ?? 'failed'
  )
}

/** Resolves at the end of what can be read, when either side is gone, or when it is broken off. Never rejects. */
function pump(from: Readable, to: Writable, tap: (chunk: Buffer) => Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let under = Promise.resolve()
    const carry = async (chunk: Buffer): Promise<void> => {
      await tap(chunk)
      if (signal.aborted || !to.writable) return
      if (!to.write(chunk)) await drained(to)
      from.resume()
    }
    from.on('data', (chunk: Buffer) => {
      from.pause()
      under = carry(chunk)
    })
    const done = (): void => void under.then(resolve)
    from.once('end', done)
    from.once('close', done)
    void abortOf(signal).then(resolve)
  })
}

/** Resolves when it is aborted, at once when it was: no event tells of that again. */
function abortOf(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    return signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function drained(to: Writable): Promise<void> {
  return new Promise((resolve) => {
    to.once('drain', resolve)
    to.once('close', resolve)
  })
}

import { mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, describe, expect, test } from 'vitest'
import { Recorder } from '../../../src/bastion/recorder.ts'
import { relay } from '../../../src/bastion/relay.ts'

const folder = mkdtempSync(join(tmpdir(), 'certlocker-relay-'))
afterAll(() => rmSync(folder, { recursive: true }))

const header = {
  title: 'a session',
  command: 'sleep 1000',
  startedAtMs: 0,
  terminal: { type: 'dumb', columns: 80, rows: 24 },
}
const limits = { relayedBytesMax: 1_000, recordedCharactersMax: 10_000, idleMs: 60_000 }

/** A host on which something runs that never ends by itself. */
function endless() {
  const signals: string[] = []
  const channel = {
    stream: new PassThrough(),
    stderr: new PassThrough(),
    exit: new Promise<never>(() => undefined),
    resize: () => undefined,
    signal: (name: string) => void signals.push(name),
  }
  return { channel, signals }
}

describe('what runs on a host', () => {
  test('is stopped when the session was cut while the host was still opening it', async () => {
    const recorder = await Recorder.open(join(folder, 'cut.cast.gz'), header)
    const abort = new AbortController()
    abort.abort('suspended')
    const { channel, signals } = endless()
    const client = Object.assign(new PassThrough(), { stderr: new PassThrough() })
    expect(await relay(client, channel, recorder, limits, abort)).toMatchObject({ brokenOff: 'suspended' })
    expect(signals).toEqual(['KILL'])
    await recorder.seal('')
  })
})

describe('a client that sends nothing but sizes of its window', () => {
  test('is cut once its recording has grown to its bound', async () => {
    const recorder = await Recorder.open(join(folder, 'sizes.cast.gz'), header)
    const { channel, signals } = endless()
    const client = Object.assign(new PassThrough(), { stderr: new PassThrough() })
    const few = { ...limits, recordedCharactersMax: 100, idleMs: 300 }
    const relayed = relay(client, channel, recorder, few, new AbortController())
    for (let columns = 1; columns < 20; columns++) await recorder.resize(columns, 24)
    expect(await relayed).toMatchObject({ brokenOff: 'output_limit' })
    expect(signals).toEqual(['KILL'])
    await recorder.seal('')
  })
})

describe.runIf(process.platform === 'linux')('a disk that is full', () => {
  test('lets no recording be opened, and leaves no open file behind', async () => {
    const path = join(folder, 'full.cast.gz')
    symlinkSync('/dev/full', path)
    await expect(Recorder.open(path, header)).rejects.toThrow('ENOSPC')
    expect(openFiles()).not.toContain('/dev/full')
  })
})

function openFiles(): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      return []
    }
  })
}

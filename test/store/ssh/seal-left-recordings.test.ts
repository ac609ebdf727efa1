import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Recorder } from '../../../src/bastion/recorder.ts'
import { createHost } from '../../../src/domain/hosts/create-host.ts'
import { finishSshSession } from '../../../src/domain/ssh/finish-ssh-session.ts'
import { grantSshSession } from '../../../src/domain/ssh/grant-ssh-session.ts'
import { recordingPath } from '../../../src/domain/ssh/recording-file.ts'
import { sealLeftRecordings } from '../../../src/domain/ssh/seal-left-recordings.ts'
import { aGroup, author, type TestRegistry, testRegistry, valueOf } from '../../support/registry.ts'

const recordingsDir = mkdtempSync(join(tmpdir(), 'certlocker-left-'))
let registry: TestRegistry

beforeAll(async () => {
  registry = await testRegistry()
  await aGroup(registry, 'edge')
})
afterAll(async () => {
  await registry.close()
  rmSync(recordingsDir, { recursive: true })
})

test('what a bastion recorded before it died is sealed once by its hash, and so is that nothing is left', async () => {
  const { deps, stores } = registry
  const host = valueOf(
    await createHost(deps, author(), {
      name: 'edge-1',
      address: '192.0.2.7',
      groups: ['edge'],
      principals: ['deploy'],
      modes: ['exec'],
      hostKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPDaVQjpGAR7Su+AT+VhNtMmYofRAyjk6nGY8IpQcWH+'],
      credential: { kind: 'certificate' },
    }),
  )
  const holder = { kind: 'person' as const, id: 'per_1', name: 'ana@example.com' }
  const client = { ip: '10.0.0.7', name: 'test', version: '1' }
  const request = { host, holder, agent: null, client, ttlSeconds: 100, ttlSecondsMax: undefined }
  const { session } = valueOf(await grantSshSession(deps, author(), request))
  const now = new Date(registry.now)
  await stores.sshSessions.beginRecording(session.id, 'ssh_left', now)
  await stores.sshSessions.beginRecording(session.id, 'ssh_lost', new Date(registry.now + 1))
  const path = recordingPath(recordingsDir, 'ssh_left')
  const terminal = { type: 'dumb', columns: 80, rows: 24 }
  await Recorder.open(path, { title: session.id, command: 'id', startedAtMs: registry.now, terminal })
  valueOf(await finishSshSession(deps, author(), session.id, 'ttl'))
  registry.events()

  const job = { ...deps, stores, recordingsDir }
  registry.now += 29_000
  valueOf(await sealLeftRecordings(job))
  expect(registry.events()).toEqual([])
  registry.now += 2_000
  for (const result of await Promise.all([sealLeftRecordings(job), sealLeftRecordings(job)])) valueOf(result)

  const file = readFileSync(path)
  const sha256 = createHash('sha256').update(file).digest('hex')
  const recordings = [
    { id: 'ssh_left', sha256, bytes: file.length },
    { id: 'ssh_lost', sha256: '', bytes: 0 },
  ]
  expect(registry.events()).toMatchObject([{ type: 'SSH_SESSION_ENDED', details: { reason: 'ttl', recordings } }])
  expect(await stores.sshSessions.recordings(session.id)).toMatchObject(recordings)
})

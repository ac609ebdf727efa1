import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { finishSshSession } from '../../../src/domain/ssh/finish-ssh-session.ts'
import { grantSshSession } from '../../../src/domain/ssh/grant-ssh-session.ts'
import { recordingPath } from '../../../src/domain/ssh/recording-file.ts'
import { sealLeftRecordings } from '../../../src/domain/ssh/seal-left-recordings.ts'
import { aGroup, aHost, author, type TestRegistry, testRegistry, valueOf } from '../../support/registry.ts'

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

test('what a bastion recorded before it died is sealed once by its hash, when all of it can be read or is gone', async () => {
  const { deps, stores } = registry
  const host = await aHost(registry, 'edge-1', 'edge')
  const holder = { kind: 'person' as const, id: 'per_1', name: 'ana@example.com' }
  const client = { ip: '10.0.0.7', name: 'test', version: '1' }
  const request = { host, holder, agent: null, client, ttlSeconds: 100, ttlSecondsMax: undefined }
  const { session } = valueOf(await grantSshSession(deps, author(), request))
  const now = new Date(registry.now)
  await stores.sshSessions.beginRecording(session.id, 'ssh_left', now)
  await stores.sshSessions.beginRecording(session.id, 'ssh_lost', new Date(registry.now + 1))
  const path = recordingPath(recordingsDir, 'ssh_left')
  const file = Buffer.from('cut off')
  writeFileSync(path, file)
  valueOf(await finishSshSession(deps, author(), session.id, 'ttl'))
  registry.events()

  const job = { ...deps, stores, recordingsDir }
  registry.now += 29_000
  valueOf(await sealLeftRecordings(job))
  expect(registry.events()).toEqual([])
  registry.now += 2_000
  const unreadable = recordingPath(recordingsDir, 'ssh_lost')
  mkdirSync(unreadable)
  await expect(sealLeftRecordings(job)).rejects.toThrow('EISDIR')
  expect(registry.events()).toEqual([])
  rmdirSync(unreadable)
  for (const result of await Promise.all([sealLeftRecordings(job), sealLeftRecordings(job)])) valueOf(result)

  const sha256 = createHash('sha256').update(file).digest('hex')
  const recordings = [
    { id: 'ssh_left', sha256, bytes: file.length },
    { id: 'ssh_lost', sha256: '', bytes: 0 },
  ]
  expect(registry.events()).toMatchObject([{ type: 'SSH_SESSION_ENDED', details: { reason: 'ttl', recordings } }])
  expect(await stores.sshSessions.recordings(session.id)).toMatchObject(recordings)
})

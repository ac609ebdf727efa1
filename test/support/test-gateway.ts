import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGateway } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import type { Log } from '../../src/kernel/log.ts'
import { exercised } from './components.ts'
import { type TestDatabase, testDatabase } from './database.ts'
import { type RestClient, restClient } from './rest-client.ts'
import { expectSameAnswers } from './same-answers.ts'
import { silentLog } from './silent-log.ts'

export interface TestGateway {
  readonly url: string
  readonly adminKey: string
  /** The REST API as the built-in admin. */
  readonly api: RestClient
  /** Every audit line printed so far. */
  readonly auditLines: readonly string[]
  /** Connection URL of the gateway's own database, with superuser rights. */
  readonly databaseUrl: string
  readonly dataDir: string
  stop(): Promise<void>
  /** Stops the gateway and keeps its database and data directory for a restart. */
  halt(): Promise<void>
  /** Another gateway beside this one on the same database and data directory, to be stopped before it. */
  replica(settings?: Settings): Promise<TestGateway>
  /** Starts the gateway again on the same database and data directory. */
  restart(settings?: Settings): Promise<TestGateway>
}

/** Environment variables of the gateway, on top of the test's own. */
export type Settings = Readonly<Record<string, string>>

/**
 * The real gateway on a database of its own, in this process, on a free port.
 * @param prepare is done to the database before the gateway starts
 * @param file configuration file, for what the environment cannot say
 */
export async function testGateway(
  settings: Settings = {},
  log: Log = silentLog,
  prepare: (database: TestDatabase) => Promise<void> = async () => undefined,
  file?: string,
): Promise<TestGateway> {
  const database = await testDatabase()
  await prepare(database)
  exercised('postgres')
  const dataDir = await mkdtemp(join(tmpdir(), 'certlocker-test-'))
  const adminKey = randomBytes(24).toString('hex')
  return startOn({
    url: database.url,
    dataDir,
    adminKey,
    settings,
    file,
    log,
    dispose: async () => {
      await expectSameAnswers(database.knex)
      await database.drop()
      await rm(dataDir, { recursive: true, force: true })
    },
  })
}

interface Place {
  readonly url: string
  readonly dataDir: string
  readonly adminKey: string
  readonly settings: Settings
  readonly file: string | undefined
  readonly log: Log
  readonly dispose: () => Promise<void>
}

async function startOn(place: Place): Promise<TestGateway> {
  const loaded = await loadConfig({
    ...(place.file === undefined ? {} : { file: place.file }),
    environment: {
      CERTLOCKER_DATABASE__URL: place.url,
      CERTLOCKER_DATA_DIR: place.dataDir,
      CERTLOCKER_HTTP__PORT: '0',
      CERTLOCKER_BASTION__PORT: '0',
      CERTLOCKER_BOOTSTRAP__ADMIN_KEY: place.adminKey,
      // Only tests about waiting wait.
      CERTLOCKER_APPROVALS__HOLD_SECONDS: '0',
      ...place.settings,
    },
  })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error))
  const auditLines: string[] = []
  const gateway = await startGateway(loaded.value.config, {
    log: place.log,
    auditLine: (lines) => void auditLines.push(...lines.split('\n')),
    adminKey: () => undefined,
    version: '0.0.0-test',
  })
  let running = true
  const halt = async () => {
    if (running) await gateway.stop()
    running = false
  }
  return {
    url: gateway.url,
    adminKey: place.adminKey,
    api: restClient(gateway.url, place.adminKey),
    auditLines,
    databaseUrl: place.url,
    dataDir: place.dataDir,
    halt,
    stop: async () => {
      await halt()
      await place.dispose()
    },
    replica: (settings = {}) =>
      startOn({ ...place, settings: { ...place.settings, ...settings }, dispose: async () => undefined }),
    restart: async (settings = {}) => {
      await halt()
      return startOn({ ...place, settings: { ...place.settings, ...settings } })
    },
  }
}

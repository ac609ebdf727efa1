import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { openDatabaseArchive } from '../../app/open-store.ts'
import type { Config } from '../../config/config.schema.ts'
import { type Manifest, writeBackupFile } from './backup-file.ts'
import { keyFiles, readKeys } from './key-files.ts'
import { sealText } from './sealed-keys.ts'

export type DatabaseArchive = Awaited<ReturnType<typeof openDatabaseArchive>>

/** The first line of a backup. */
export const backupType = 'certlocker.backup/v1'

export interface BackupSummary extends Manifest {
  readonly file: string
  readonly createdAt: string
  /** Settings of the key files that are in it. */
  readonly keys: readonly string[]
  /** What a restore needs besides, and nobody else has. */
  readonly saveAlso: readonly string[]
  readonly notIncluded: readonly string[]
}

export interface BackupRequest {
  readonly config: Config
  readonly file: string
  readonly version: string
  /** With it, the key files go in, sealed. */
  readonly passphrase: string | undefined
}

/**
 * Writes a backup: a line that says what it is, the copy of the audit checkpoints, the sealed keys or null, then the
 * database as of one moment.
 */
export async function backUp(archive: DatabaseArchive, request: BackupRequest): Promise<BackupSummary> {
  const { config, file, version, passphrase } = request
  const createdAt = new Date().toISOString()
  const header = JSON.stringify({ type: backupType, createdAt, version })
  const keys = passphrase === undefined ? [] : await readKeys(config)
  // Before the database: a copy that is ahead of the log would make it look truncated.
  const checkpoints = await checkpointsIn(config)
  async function* lines(): AsyncGenerator<string> {
    yield header
    yield JSON.stringify({ checkpoints })
    yield JSON.stringify({
      keys: passphrase === undefined ? null : await sealText(JSON.stringify(keys), passphrase, header),
    })
    yield* archive.dump()
  }
  const manifest = await writeBackupFile(file, lines())
  const settings = keys.map(({ setting }) => setting)
  return {
    file,
    createdAt,
    ...manifest,
    keys: settings,
    saveAlso: keyFiles(config)
      .filter(({ setting }) => !settings.includes(setting))
      .map(({ path }) => path),
    notIncluded: notIncluded(config),
  }
}

export function checkpointFile({ dataDir }: Config): string {
  return join(dataDir, 'audit', 'checkpoints')
}

async function checkpointsIn(config: Config): Promise<string> {
  try {
    return await readFile(checkpointFile(config), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}

function notIncluded({ vault, http }: Config): readonly string[] {
  return [
    'the configuration and the files it names (TLS keys, policy bundles)',
    ...(vault.address === undefined ? [] : [`secret values kept in Vault at ${vault.address}`]),
    ...(http.tls === undefined ? [] : [http.tls.keyFile]),
  ]
}

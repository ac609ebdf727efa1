import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Config } from '../../config/config.schema.ts'
import { syncDirectory, writeDurably } from '../../kernel/private-file.ts'
import { CliError, exitCodes } from '../cli-error.ts'
import { backupType, checkpointFile, type DatabaseArchive } from './backup.ts'
import { readBackupFile } from './backup-file.ts'
import { refuseOtherKeys, type StoredKey, writeKeys } from './key-files.ts'
import { openText } from './sealed-keys.ts'

export interface RestoreSummary {
  readonly file: string
  readonly createdAt: string
  /** Rows restored, by table. */
  readonly tables: Readonly<Record<string, number>>
  /** Key files written. */
  readonly keys: readonly string[]
  /** Whether there are keys in the backup that stayed there for want of a passphrase. */
  readonly keysLeft: boolean
  /** `kept`: this machine has a copy of its own, which the log must continue, or the operator accepts that it does not. */
  readonly checkpoints: 'restored' | 'kept'
}

/** What stands before the database in a backup that is whole. */
export interface CheckedBackup {
  readonly file: string
  readonly createdAt: string
  readonly checkpoints: string
  readonly keys: readonly StoredKey[]
  readonly keysLeft: boolean
  readonly sha256: string
}

const HEAD_LINES = 3

/**
 * Reads the whole file and opens its keys, before anything is touched.
 * @throws CliError when it is damaged, of another kind, or the passphrase is wrong
 */
export async function checkBackup(file: string, passphrase: string | undefined): Promise<CheckedBackup> {
  const lines = readBackupFile(file)
  const head: string[] = []
  for (;;) {
    const { value, done } = await lines.next()
    if (done !== true) {
      if (head.length < HEAD_LINES) head.push(value)
      continue
    }
    return { file, ...(await opened(head, passphrase, file)), sha256: value.sha256 }
  }
}

/** Restores what `checkBackup` found whole: the database in one transaction, then the keys and the copy of the checkpoints. */
export async function restore(
  archive: DatabaseArchive,
  backup: CheckedBackup,
  config: Config,
  force: boolean,
): Promise<RestoreSummary> {
  await refuseOtherKeys(config, backup.keys)
  const tables = await archive.restore(databaseLines(backup), { force })
  const keys = await writeKeys(config, backup.keys)
  return {
    file: backup.file,
    createdAt: backup.createdAt,
    tables,
    keys: keys.map(({ path }) => path),
    keysLeft: backup.keysLeft,
    checkpoints: await restoreCheckpoints(config, backup.checkpoints),
  }
}

/** The file may have been exchanged since it was checked: then its end throws, and the transaction is rolled back. */
async function* databaseLines({ file, sha256 }: CheckedBackup): AsyncGenerator<string> {
  const lines = readBackupFile(file)
  for (let number = 1; ; number++) {
    const { value, done } = await lines.next()
    if (done !== true) {
      if (number > HEAD_LINES) yield value
    } else if (value.sha256 === sha256) return
    else throw new CliError(exitCodes.failed, `${file} was changed while it was read. Nothing was restored`)
  }
}

/** A copy that is there is what tells an older log from the whole one, so it stays. */
async function restoreCheckpoints(config: Config, text: string): Promise<'restored' | 'kept'> {
  const path = checkpointFile(config)
  if ((await readFile(path, 'utf8').catch(() => '')) !== '') return 'kept'
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeDurably(path, text)
  await syncDirectory(dirname(path))
  return 'restored'
}

async function opened(head: readonly string[], passphrase: string | undefined, file: string) {
  const [header = '{}', second = '{}', third = '{}'] = head
  const { type, createdAt = '' }: { type?: string; createdAt?: string } = JSON.parse(header)
  if (type !== backupType)
    throw new CliError(exitCodes.failed, `${file} is of kind ${type ?? 'unknown'}, not ${backupType}`)
  const { checkpoints = '' }: { checkpoints?: string } = JSON.parse(second)
  const { keys: sealed = null }: { keys?: string | null } = JSON.parse(third)
  if (sealed === null || passphrase === undefined)
    return { createdAt, checkpoints, keys: [], keysLeft: sealed !== null }
  const text = await openText(sealed, passphrase, header)
  if (text === undefined)
    throw new CliError(exitCodes.failed, `the passphrase does not open the keys in ${file}. Nothing was restored`)
  const keys: readonly StoredKey[] = JSON.parse(text)
  return { createdAt, checkpoints, keys, keysLeft: false }
}

import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Config } from '../../config/config.schema.ts'
import { standardLog } from '../../kernel/log.ts'
import { privateFileProblem } from '../../kernel/private-file.ts'
import { appRefusal } from '../app-refusal.ts'
import { CliError, exitCodes } from '../cli-error.ts'
import { type ConfigFlags, load } from '../config-commands.ts'
import type { CliIo } from '../io.ts'
import { packageVersion } from '../version.ts'
import { backUp, type BackupSummary, type DatabaseArchive } from './backup.ts'
import { checkBackup, restore, type RestoreSummary } from './restore.ts'
import { passphraseCharactersMin } from './sealed-keys.ts'

interface CommonFlags extends ConfigFlags {
  readonly passphraseFile?: string
}

/** Adds `certlocker backup` and `certlocker restore`. */
export function registerBackupCommands(program: Command, io: CliIo): void {
  const common = (command: Command) =>
    command
      .option('--config <file>', "the gateway's configuration file (YAML or JSON)")
      .option('--passphrase-file <file>', 'file with the passphrase of the keys, - for standard input')
      .option('--json', 'print the answer as JSON')
  common(program.command('backup').description('Save database and audit checkpoints; the gateway may go on running'))
    .requiredOption('-o, --output <file>', 'file to write; must not exist')
    .option('--with-keys', 'put the key files in as well, encrypted under the passphrase')
    .action(async (flags: CommonFlags & { readonly output: string; readonly withKeys?: true }) => {
      if ((flags.withKeys === true) !== (flags.passphraseFile !== undefined))
        throw new CliError(exitCodes.usage, '--with-keys and --passphrase-file go together: give both or neither')
      const passphrase = await passphraseOf(flags, io)
      const { config } = await load(flags)
      const request = { config, file: resolve(flags.output), version: packageVersion(), passphrase }
      const summary = await withArchive(config, 'backup', (archive) => backUp(archive, request))
      io.stdout.write(flags.json ? json(summary) : backupText(summary))
    })
  common(program.command('restore').description('Put a backup back, into an empty database; stop the gateway first'))
    .argument('<file>', 'a backup')
    .option('--force', 'replace what is in the database')
    .action(async (file: string, flags: CommonFlags & { readonly force?: true }) => {
      const passphrase = await passphraseOf(flags, io)
      const { config } = await load(flags)
      const backup = await checkBackup(resolve(file), passphrase)
      const summary = await withArchive(config, 'restore', (archive) =>
        restore(archive, backup, config, flags.force === true),
      )
      io.stdout.write(flags.json ? json(summary) : restoreText(summary))
    })
}

async function passphraseOf({ passphraseFile: file }: CommonFlags, io: CliIo): Promise<string | undefined> {
  if (file === undefined) return undefined
  const problem = file === '-' ? undefined : await privateFileProblem(file).catch(() => `${file} cannot be read`)
  if (problem !== undefined) throw new CliError(exitCodes.usage, problem)
  const passphrase = (file === '-' ? await io.stdin() : await readFile(file, 'utf8')).replace(/\r?\n$/, '')
  if (passphrase.length >= passphraseCharactersMin) return passphrase
  throw new CliError(
    exitCodes.usage,
    `the passphrase is too short: take at least ${passphraseCharactersMin} characters`,
  )
}

/** Turns what the database refuses into the command's end. */
async function withArchive<T>(
  config: Config,
  purpose: 'backup' | 'restore',
  work: (archive: DatabaseArchive) => Promise<T>,
): Promise<T> {
  const { openDatabaseArchive } = await import('../../app/open-store.ts')
  try {
    const archive = await openDatabaseArchive(config, purpose, standardLog('warn'))
    try {
      return await work(archive)
    } finally {
      await archive.close()
    }
  } catch (error) {
    throw appRefusal(error)
  }
}

function json(summary: object): string {
  return `${JSON.stringify({ ok: true, ...summary }, null, 2)}\n`
}

function backupText({ file, tables, keys, saveAlso, notIncluded, sha256 }: BackupSummary): string {
  return lines([
    `Backed up to ${file}: ${tables['audit_events'] ?? 0} audit events, ${rowsIn(tables)} rows in all, SHA-256 of the content ${sha256}`,
    ...(keys.length > 0 ? [`With the keys of ${keys.join(', ')}, encrypted: keep the passphrase elsewhere`] : []),
    ...saveAlso.map((path) => `Save also, apart from the backup: ${path}`),
    ...notIncluded.map((what) => `Not in it: ${what}`),
  ])
}

function restoreText({ file, createdAt, tables, keys, keysLeft, checkpoints }: RestoreSummary): string {
  return lines([
    `Restored ${file} of ${createdAt}: ${tables['audit_events'] ?? 0} audit events, ${rowsIn(tables)} rows in all`,
    ...keys.map((path) => `Key file written: ${path}`),
    ...(keysLeft ? ['Its key files were left in it: give --passphrase-file, or put them back yourself'] : []),
    checkpoints === 'restored'
      ? 'The checkpoints were restored with it: later ones that exist elsewhere are not known here'
      : 'The checkpoints known here were kept: if they are later, the gateway starts only with audit.acceptTruncated, and says so',
    'Now start the gateway, and verify the log: certlocker audit verify',
  ])
}

function rowsIn(tables: Readonly<Record<string, number>>): number {
  return Object.values(tables).reduce((sum, count) => sum + count, 0)
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('')
}

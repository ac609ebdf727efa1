import { existsSync } from 'node:fs'
import type { Config } from '../../config/config.schema.ts'
import { createPrivateFile, readPrivateFile } from '../../kernel/private-file.ts'
import { must } from '../../kernel/fault.ts'
import { CliError, exitCodes } from '../cli-error.ts'

/** A key file by the setting that names it. */
export interface KeyFile {
  readonly setting: string
  readonly path: string
}

export interface StoredKey {
  readonly setting: string
  readonly text: string
}

/** The places of every key without which a restored database is of no use. */
function keyPlaces({ secrets, audit, bastion }: Config): readonly KeyFile[] {
  return [
    { setting: 'secrets.keyFile', path: secrets.keyFile },
    { setting: 'audit.keyFile', path: audit.keyFile },
    { setting: 'bastion.hostKeyFile', path: bastion.hostKeyFile },
  ]
}

export function keyFiles(config: Config): readonly KeyFile[] {
  return keyPlaces(config).filter(({ path }) => existsSync(path))
}

/** @throws FaultError when a file is not only its owner's */
export async function readKeys(config: Config): Promise<readonly StoredKey[]> {
  const keys: StoredKey[] = []
  for (const { setting, path } of keyFiles(config)) {
    const text = must(await readPrivateFile(path))
    if (text !== undefined) keys.push({ setting, text })
  }
  return keys
}

/**
 * A key is never replaced, since it may open something; a file that holds more besides stays as it is.
 * @throws CliError when another key is where one of these belongs
 */
export async function refuseOtherKeys(config: Config, keys: readonly StoredKey[]): Promise<void> {
  const present = await readKeys(config)
  const other = keys.find(({ setting, text }) =>
    present.some((key) => key.setting === setting && !holdsLinesOf(text, key.text)),
  )
  if (other === undefined) return
  const path = keyFiles(config).find(({ setting }) => setting === other.setting)?.path ?? ''
  throw new CliError(
    exitCodes.failed,
    `${path} holds another key than the backup: move it away if it is not needed, or give another dataDir. Nothing was restored`,
  )
}

/** Puts the keys where the settings want them. @returns the files written; those that were there are left out */
export async function writeKeys(config: Config, keys: readonly StoredKey[]): Promise<readonly KeyFile[]> {
  const written: KeyFile[] = []
  for (const place of keyPlaces(config)) {
    const key = keys.find(({ setting }) => setting === place.setting)
    if (key === undefined || existsSync(place.path)) continue
    must(await createPrivateFile(place.path, key.text))
    written.push(place)
  }
  return written
}

function holdsLinesOf(text: string, present: string): boolean {
  const lines = new Set(present.split('\n'))
  return text.split('\n').every((line) => lines.has(line))
}

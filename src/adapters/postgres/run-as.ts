import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { EmbeddedClusterError, useExternalDatabase } from './embedded-cluster-error.ts'

/** As whom PostgreSQL's programs run. PostgreSQL refuses to run as root. */
export interface RunAs {
  /** Set when another user than ours runs them, who then owns the data directory. */
  readonly user?: { readonly uid: number; readonly gid: number }
  /** Put in front of each command. */
  readonly prefix: readonly string[]
}

/**
 * Chooses the user that runs PostgreSQL. Anyone but root: ourselves. Root: the owner of an existing data directory, else the
 * system user `postgres` (created when missing), else, when that user cannot reach the paths, a user namespace in which root
 * is an ordinary user.
 * @param paths what the programs must reach: existing files or folders
 * @throws EmbeddedClusterError naming the folder that is in the way
 */
export function chooseRunAs(dataDirectory: string, paths: readonly string[]): RunAs {
  const self = process.getuid?.()
  const owner = statSync(dataDirectory, { throwIfNoEntry: false })
  if (self !== 0) {
    if (owner !== undefined && owner.uid !== self) throw foreign(dataDirectory, owner.uid, self)
    return { prefix: [] }
  }
  if (owner?.uid === 0) return namespaceOr(`${dataDirectory} belongs to root, and PostgreSQL refuses to run as root`)
  const user = owner ?? systemUser() ?? createdSystemUser()
  if (user === undefined) return namespaceOr('there is no system user postgres, and none could be created')
  const barrier = paths.map((path) => barrierTo(path, user)).find((found) => found !== undefined)
  if (barrier === undefined) return { user: { uid: user.uid, gid: user.gid }, prefix: [] }
  const trouble = `the user that runs the embedded database (uid ${user.uid}) cannot enter ${barrier}: allow it (chmod o+x ${barrier})`
  if (owner === undefined) return namespaceOr(trouble)
  throw new EmbeddedClusterError(`${trouble}, ${useExternalDatabase}`)
}

interface User {
  readonly uid: number
  readonly gid: number
}

const USERADD = [
  '/usr/sbin/useradd',
  '--system',
  '--user-group',
  '--no-create-home',
  '--shell',
  '/usr/sbin/nologin',
  'postgres',
]
const UNSHARE = '/usr/bin/unshare'

function systemUser(): User | undefined {
  return users().find(({ name }) => name === 'postgres')
}

function createdSystemUser(): User | undefined {
  const [command = '', ...options] = USERADD
  return spawnSync(command, options, { stdio: 'ignore' }).status === 0 ? systemUser() : undefined
}

function users(): (User & { readonly name: string })[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid }) => uid > 0)
}

/** Root's files stay root's. The user inside must be one that /etc/passwd knows: initdb looks its name up. */
function namespaceOr(trouble: string): RunAs {
  const inside = users()[0]
  if (inside !== undefined) {
    const prefix = [UNSHARE, '--user', `--map-user=${inside.uid}`, `--map-group=${inside.gid}`]
    if (spawnSync(UNSHARE, [...prefix.slice(1), '/bin/true'], { stdio: 'ignore' }).status === 0) return { prefix }
  }
  throw new EmbeddedClusterError(`${trouble}, start as another user than root, ${useExternalDatabase}`)
}

/** The outermost folder on the way to a path that the user may not enter. Access lists are not looked at. */
function barrierTo(path: string, { uid, gid }: User): string | undefined {
  const folder = dirname(path)
  const further = folder === path ? undefined : barrierTo(folder, { uid, gid })
  if (further !== undefined) return further
  const status = statSync(path)
  if (!status.isDirectory()) return undefined
  const enter = status.uid === uid ? 0o100 : status.gid === gid ? 0o010 : 0o001
  return (status.mode & enter) === 0 ? path : undefined
}

function foreign(directory: string, owner: number, self: number | undefined): EmbeddedClusterError {
  return new EmbeddedClusterError(
    `the embedded database in ${directory} belongs to uid ${owner}, this process runs as uid ${self}: ` +
      `start as its owner, choose another dataDir, ${useExternalDatabase}`,
  )
}

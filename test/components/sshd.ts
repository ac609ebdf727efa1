import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cachedToolPath, failureOf, putInPlace } from './tool-cache.ts'

/** The packages of Debian and Ubuntu that hold the server and what it needs beyond a plain system. */
const PACKAGES = ['openssh-server', 'libwrap0']
const UNPACKED = cachedToolPath('openssh-server', 'apt', 'unpacked')
const ELSEWHERE = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/sbin/sshd']
const COMMAND_MS = 60_000

export interface Sshd {
  readonly path: string
  readonly from: 'PATH' | 'cache' | 'apt-get download'
  /** Where its libraries are. */
  readonly environment: Readonly<Record<string, string>>
}

/** Where OpenSSH's server already is. */
export async function findSshd(): Promise<Sshd | undefined> {
  for (const path of ELSEWHERE) if (await answers(path, {})) return { path, from: 'PATH', environment: {} }
  const path = join(UNPACKED, 'usr/sbin/sshd')
  const environment = { LD_LIBRARY_PATH: (await libraryFolders()).join(':') }
  return (await answers(path, environment)) ? { path, from: 'cache', environment } : undefined
}

/** Finds it, or unpacks the distribution's packages into the cache: nothing is installed. @returns it, or why there is none */
export async function obtainSshd(): Promise<Sshd | string> {
  const found = await findSshd()
  if (found !== undefined) return found
  const failure = await putInPlace(UNPACKED, async (directory) => {
    const options = { cwd: directory, timeout: COMMAND_MS }
    const failed = await downloadInto(directory)
    if (failed !== undefined) return { failure: failed }
    const made = join(directory, 'unpacked')
    for (const file of await readdir(directory)) {
      const unpacking = file.endsWith('.deb') ? await failureOf('dpkg', ['-x', file, made], options) : undefined
      if (unpacking !== undefined) return { failure: unpacking }
    }
    return { made }
  })
  const obtained = failure === undefined ? await findSshd() : undefined
  if (obtained === undefined) return `apt-get download: ${failure ?? 'what came does not run here'}`
  return { ...obtained, from: 'apt-get download' }
}

/** With the machine's package lists, or where it has none, with lists of our own. */
async function downloadInto(directory: string): Promise<string | undefined> {
  const options = { cwd: directory, timeout: COMMAND_MS }
  if ((await failureOf('apt-get', ['download', ...PACKAGES], options)) === undefined) return undefined
  await mkdir(join(directory, 'lists', 'partial'), { recursive: true })
  const lists = ['-o', `Dir::State::Lists=${join(directory, 'lists')}`]
  return (
    (await failureOf('apt-get', [...lists, 'update'], options)) ??
    (await failureOf('apt-get', [...lists, 'download', ...PACKAGES], options))
  )
}

async function libraryFolders(): Promise<readonly string[]> {
  const folders = await Promise.all(
    ['usr/lib', 'lib'].map(async (folder) => {
      const names = await readdir(join(UNPACKED, folder)).catch(() => [])
      return names.filter((name) => name.endsWith('-linux-gnu')).map((name) => join(UNPACKED, folder, name))
    }),
  )
  return folders.flat()
}

/** No flag makes it say its version and no more; that it misses the configuration is as good. */
async function answers(path: string, environment: Readonly<Record<string, string>>): Promise<boolean> {
  const failure = await failureOf(path, ['-t', '-f', '/nonexistent'], {
    env: { ...process.env, ...environment },
    timeout: COMMAND_MS,
  })
  return failure?.includes('/nonexistent') === true
}

import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

export interface ObtainedTool {
  readonly path: string
  readonly from: 'PATH' | 'cache' | 'go build' | 'apt-get download'
}

/** Where a tool of one version is kept between runs: `<cache>/certlocker/tools/<name>-<version>/<file>`. */
export function cachedToolPath(name: string, version: string, file = name): string {
  const cache = process.env['XDG_CACHE_HOME'] || join(process.env['HOME'] || homedir(), '.cache')
  return join(cache, 'certlocker', 'tools', `${name}-${version}`, file)
}

/**
 * Makes a file in a directory beside its place and moves it there at once, so that nobody finds half of it.
 * @param make puts the file into the directory it is given. @returns why it could not, or undefined
 */
export async function putInPlace(
  path: string,
  make: (directory: string) => Promise<{ readonly made: string } | { readonly failure: string }>,
): Promise<string | undefined> {
  await mkdir(dirname(path), { recursive: true })
  const beside = await mkdtemp(join(dirname(path), '.new-'))
  try {
    const result = await make(beside)
    if ('failure' in result) return result.failure
    await rename(result.made, path)
    return undefined
  } finally {
    await rm(beside, { recursive: true, force: true })
  }
}

/** @returns why the command failed, or undefined */
export function failureOf(
  command: string,
  given: readonly string[],
  options: Parameters<typeof execFile>[2],
): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(command, [...given], { ...options, encoding: 'utf8' }, (error, _stdout, stderr) => {
      resolve(error === null ? undefined : stderr.trim().split('\n').at(-1) || error.message)
    })
  })
}

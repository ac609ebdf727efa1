import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What `openbao/go.mod` pins. */
const VERSION = '2.4.0'
const MODULE = 'github.com/openbao/openbao'
const BUILD_MS = 30 * 60_000
const VERSION_MS = 30_000

export interface VaultTool {
  readonly path: string
  readonly from: 'PATH' | 'cache' | 'go build'
}

/** Where `bao` or HashiCorp's `vault` already is: on PATH, in the tool cache. */
export async function findVaultTool(command: 'bao' | 'vault'): Promise<VaultTool | undefined> {
  if (await answers(command)) return { path: command, from: 'PATH' }
  const cached = cachePath()
  return command === 'bao' && (await answers(cached)) ? { path: cached, from: 'cache' } : undefined
}

/**
 * Finds `bao`, or builds it with Go: minutes, 2 GB of memory and 2.6 GB of sources when nothing of it is there yet. Its own
 * replace directives forbid `go install`, so a module of one requirement stands in, with every sum of its dependencies.
 * @returns the tool, or why there is none
 */
export async function obtainOpenBao(): Promise<VaultTool | string> {
  const found = await findVaultTool('bao')
  if (found !== undefined) return found
  const path = cachePath()
  await mkdir(dirname(path), { recursive: true })
  const beside = await mkdtemp(join(dirname(path), '.new-'))
  const built = join(beside, 'bao')
  const flags = `-s -w -X ${MODULE}/version.fullVersion=${VERSION}`
  try {
    const failure = await run('go', ['build', '-trimpath', '-ldflags', flags, '-o', built, MODULE], {
      cwd: fileURLToPath(new URL('openbao', import.meta.url)),
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -mod=readonly' },
      timeout: BUILD_MS,
    })
    if (failure !== undefined) return `go build: ${failure}`
    await rename(built, path)
    return { path, from: 'go build' }
  } finally {
    await rm(beside, { recursive: true, force: true })
  }
}

function cachePath(): string {
  const cache = process.env['XDG_CACHE_HOME'] || join(process.env['HOME'] || homedir(), '.cache')
  return join(cache, 'certlocker', 'tools', `openbao-${VERSION}`, 'bao')
}

async function answers(command: string): Promise<boolean> {
  return (await run(command, ['version'], { timeout: VERSION_MS })) === undefined
}

/** @returns why it failed, or undefined */
function run(command: string, given: string[], options: Parameters<typeof execFile>[2]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(command, given, { ...options, encoding: 'utf8' }, (error, _stdout, stderr) => {
      resolve(error === null ? undefined : stderr.trim().split('\n').at(-1) || error.message)
    })
  })
}

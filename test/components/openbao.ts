import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cachedToolPath, failureOf, type ObtainedTool, putInPlace } from './tool-cache.ts'

/** What `openbao/go.mod` pins. */
const VERSION = '2.4.0'
const MODULE = 'github.com/openbao/openbao'
const BUILD_MS = 30 * 60_000
const VERSION_MS = 30_000

/** Where `bao` or HashiCorp's `vault` already is: on PATH, in the tool cache. */
export async function findVaultTool(command: 'bao' | 'vault'): Promise<ObtainedTool | undefined> {
  if (await answers(command)) return { path: command, from: 'PATH' }
  const cached = cachedToolPath('openbao', VERSION, 'bao')
  return command === 'bao' && (await answers(cached)) ? { path: cached, from: 'cache' } : undefined
}

/**
 * Finds `bao`, or builds it with Go: minutes, 2 GB of memory and 2.6 GB of sources when nothing of it is there yet. Its own
 * replace directives forbid `go install`, so a module of one requirement stands in, with every sum of its dependencies.
 * @returns the tool, or why there is none
 */
export async function obtainOpenBao(): Promise<ObtainedTool | string> {
  const found = await findVaultTool('bao')
  if (found !== undefined) return found
  const path = cachedToolPath('openbao', VERSION, 'bao')
  const flags = `-s -w -X ${MODULE}/version.fullVersion=${VERSION}`
  const failure = await putInPlace(path, async (directory) => {
    const built = join(directory, 'bao')
    const failed = await failureOf('go', ['build', '-trimpath', '-ldflags', flags, '-o', built, MODULE], {
      cwd: fileURLToPath(new URL('openbao', import.meta.url)),
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -mod=readonly' },
      timeout: BUILD_MS,
    })
    return failed === undefined ? { made: built } : { failure: failed }
  })
  return failure === undefined ? { path, from: 'go build' } : `go build: ${failure}`
}

async function answers(command: string): Promise<boolean> {
  return (await failureOf(command, ['version'], { timeout: VERSION_MS })) === undefined
}

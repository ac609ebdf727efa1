import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cachedToolPath, failureOf, type ObtainedTool, putInPlace } from './tool-cache.ts'

const INSTALL_MS = 15 * 60_000
/** For what no test must have: better missing than waited for. */
const BUILD_APART_MS = 4 * 60_000
const VERSION_MS = 30_000

export interface GoTool {
  /** Of the command, and of the tool in the cache. */
  readonly name: string
  readonly version: string
  /** What `go install` is given, without the version. */
  readonly goPackage: string
  /** Built in a module that requires nothing else: `go install` asks for the list of versions too, which a proxy may refuse. */
  readonly isBuiltApart?: true
  /** Arguments with which the command says that it is there, and ends with exit code 0. */
  readonly probe: readonly string[]
}

/** The real counterparts that Go builds, each of one version. */
export const goTools = {
  oras: {
    name: 'oras',
    version: '1.3.6',
    goPackage: 'oras.land/oras/cmd/oras',
    probe: ['version'],
  },
  regal: {
    name: 'regal',
    version: '0.39.0',
    goPackage: 'github.com/open-policy-agent/regal',
    isBuiltApart: true,
    probe: ['version'],
  },
  registry: {
    name: 'registry',
    version: '3.1.2',
    goPackage: 'github.com/distribution/distribution/v3/cmd/registry',
    probe: ['--version'],
  },
  pebble: {
    name: 'pebble',
    version: '2.10.1',
    goPackage: 'github.com/letsencrypt/pebble/v2/cmd/pebble',
    probe: ['-version'],
  },
  pebbleChallenges: {
    name: 'pebble-challtestsrv',
    version: '2.10.1',
    goPackage: 'github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv',
    probe: ['-help'],
  },
} as const satisfies Readonly<Record<string, GoTool>>

/** Where a pinned tool already is: the tool cache. One on PATH is not looked at: it may be of any version. */
async function findGoTool({ name, version, probe }: GoTool): Promise<ObtainedTool | undefined> {
  const path = cachedToolPath(name, version)
  const failure = await failureOf(path, probe, { timeout: VERSION_MS })
  return failure === undefined ? { path, from: 'cache' } : undefined
}

/** Finds a pinned tool or builds it with Go. @returns the tool, or why there is none */
export async function obtainGoTool(tool: GoTool): Promise<ObtainedTool | string> {
  const found = await findGoTool(tool)
  if (found !== undefined) return found
  const path = cachedToolPath(tool.name, tool.version)
  const failure = await putInPlace(path, async (directory) => {
    const failed = await (tool.isBuiltApart ? buildApart(tool, directory) : install(tool, directory))
    return failed === undefined ? { made: join(directory, tool.name) } : { failure: failed }
  })
  return failure === undefined ? { path, from: 'go build' } : `go: ${failure}`
}

function install({ goPackage, version }: GoTool, directory: string): Promise<string | undefined> {
  return go(['install', ...buildFlags, `${goPackage}@v${version}`], { env: { GOBIN: directory }, timeout: INSTALL_MS })
}

async function buildApart({ name, goPackage, version }: GoTool, directory: string): Promise<string | undefined> {
  await writeFile(join(directory, 'go.mod'), `module tool\n\nrequire ${goPackage} v${version}\n`)
  return go(['build', '-C', directory, '-mod=mod', ...buildFlags, '-o', name, goPackage], { timeout: BUILD_APART_MS })
}

const buildFlags = ['-trimpath', '-ldflags', '-s -w']

function go(
  given: readonly string[],
  { env = {}, timeout }: { readonly env?: NodeJS.ProcessEnv; readonly timeout: number },
): Promise<string | undefined> {
  const own = { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' }
  return failureOf('go', given, { env: { ...process.env, ...own, ...env }, timeout })
}

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { settingsEnvironment } from '../../config/cli-environment.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { packageFacts, type ToolPins } from './package-root.ts'

const GO_INSTALL_MS = 15 * 60_000
const DOWNLOAD_MS = 5 * 60_000
const VERSION_MS = 30_000

type Environment = Readonly<Record<string, string | undefined>>

/** Where `opa` was found or put: its path, and by which way. */
export interface OpaTool {
  readonly path: string
  readonly from: 'OPA' | 'PATH' | 'cache' | 'go install' | 'download'
}

export interface OpaToolOptions {
  readonly environment?: Environment
  /** False looks only where `opa` may already be, and obtains nothing. */
  readonly obtain?: boolean
  readonly pins?: ToolPins
}

/**
 * Finds the pinned `opa`, or obtains it: the variable `OPA`, PATH, the tool cache, `go install`, the official release
 * file checked by digest. Only the pinned version counts, because another one compiles to other bytes.
 * @returns the tool, or a text that says what was tried and what to do
 */
export async function resolveOpa(options: OpaToolOptions = {}): Promise<Result<OpaTool, string>> {
  const environment = options.environment ?? settingsEnvironment()
  const pins = options.pins ?? packageFacts().opa
  const cached = cachePath(environment, pins.version)
  const tried: string[] = []
  for (const [from, path] of candidates(environment, cached)) {
    const version = await versionOf(path, environment)
    if (version === pins.version) return ok({ path, from })
    tried.push(`${from}: ${version === undefined ? `no opa at ${path}` : `${path} is version ${version}`}`)
  }
  if (options.obtain !== false) {
    for (const [from, obtain] of ways) {
      const failure = await obtain(pins, cached, environment)
      if (failure === undefined && (await versionOf(cached, environment)) === pins.version)
        return ok({ path: cached, from })
      tried.push(`${from}: ${failure ?? 'what it gave is not the pinned version'}`)
    }
  }
  return err(explanation(pins.version, cached, tried))
}

function candidates(environment: Environment, cached: string): [OpaTool['from'], string][] {
  const named: [OpaTool['from'], string][] = environment['OPA'] ? [['OPA', environment['OPA']]] : []
  return [...named, ['PATH', 'opa'], ['cache', cached]]
}

function cachePath(environment: Environment, version: string): string {
  const cache = environment['XDG_CACHE_HOME'] || join(environment['HOME'] || homedir(), '.cache')
  return join(cache, 'certlocker', 'tools', `opa-${version}`, process.platform === 'win32' ? 'opa.exe' : 'opa')
}

async function versionOf(path: string, environment: Environment): Promise<string | undefined> {
  const { stdout } = await run(path, ['version'], environment, VERSION_MS)
  return /^Version: (\S+)$/m.exec(stdout)?.[1]
}

/** Puts the tool at the path. @returns why it could not, or undefined */
type Obtain = (pins: ToolPins, path: string, environment: Environment) => Promise<string | undefined>

const ways: readonly (readonly ['go install' | 'download', Obtain])[] = [
  ['go install', goInstall],
  ['download', download],
]

async function goInstall(pins: ToolPins, path: string, environment: Environment): Promise<string | undefined> {
  return beside(path, async (directory) => {
    const arguments_ = [
      'install',
      '-trimpath',
      '-ldflags',
      '-s -w',
      '-tags',
      pins.goTags,
      `${pins.goPackage}@v${pins.version}`,
    ]
    const settings = { ...environment, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false', GOBIN: directory }
    const { failure } = await run('go', arguments_, settings, GO_INSTALL_MS)
    if (failure !== undefined) return failure
    await rename(join(directory, process.platform === 'win32' ? 'opa.exe' : 'opa'), path)
    return undefined
  })
}

async function download(pins: ToolPins, path: string): Promise<string | undefined> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`
  const digest = pins.sha256[platform]
  if (digest === undefined) return `package.json holds no digest of the release file for ${platform}`
  const suffix = process.platform === 'win32' ? '.exe' : process.platform === 'linux' ? '_static' : ''
  const url = `https://openpolicyagent.org/downloads/v${pins.version}/opa_${platform}${suffix}`
  const bytes = await fetched(url)
  if (!bytes.ok) return bytes.error
  if (createHash('sha256').update(bytes.value).digest('hex') !== digest) return `${url} has not the pinned SHA-256`
  return beside(path, async (directory) => {
    await writeFile(join(directory, 'opa'), bytes.value)
    await chmod(join(directory, 'opa'), 0o755)
    await rename(join(directory, 'opa'), path)
    return undefined
  })
}

async function fetched(url: string): Promise<Result<Uint8Array, string>> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_MS) })
    return answer.ok ? ok(new Uint8Array(await answer.arrayBuffer())) : err(`${url} answered ${answer.status}`)
  } catch (error) {
    return err(`${url} cannot be reached (${error instanceof Error ? error.message : 'unknown'})`)
  }
}

/** Works in a directory beside the path, so that the rename into place is atomic. */
async function beside(
  path: string,
  work: (directory: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  await mkdir(dirname(path), { recursive: true })
  const directory = await mkdtemp(join(dirname(path), '.new-'))
  try {
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function run(command: string, arguments_: readonly string[], environment: Environment, milliseconds: number) {
  return new Promise<{ stdout: string; failure: string | undefined }>((resolve) => {
    execFile(command, arguments_, { env: environment, timeout: milliseconds }, (error, stdout, stderr) => {
      const failure = error === null ? undefined : stderr.trim().split('\n').at(-1) || error.message
      resolve({ stdout, failure })
    })
  })
}

function explanation(version: string, cached: string, tried: readonly string[]): string {
  return [
    `opa ${version} is needed and was not found. Tried:`,
    ...tried.map((line) => `  ${line}`),
    `Put opa ${version} on PATH, name it in the variable OPA, or place it at ${cached}.`,
  ].join('\n')
}

import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { err, ok, type Result } from '../../kernel/result.ts'
import { readBundle } from '../../policy/bundle.ts'
import { shippedDigestOf } from '../../policy/shipped-rules.ts'
import { bundleDirectory, inStage } from './in-stage.ts'
import { packageFacts, packageRoot } from './package-root.ts'
import { runOpa } from './run-opa.ts'
import { promises } from './promises.ts'
import { findSources, type Sources } from './sources.ts'

export interface BuildOptions {
  /** Directories with a company's rules; none builds the shipped policy alone. */
  readonly directories: readonly string[]
  /** What the bundle calls itself. By default `certlocker-<version>`. */
  readonly revision?: string
  /** A gateway never goes back to a lower one. The shipped bundle has 0, so that any company's bundle follows it. */
  readonly sequence?: number
}

export interface BuiltBundle {
  readonly bytes: Buffer
  /** `sha256:` and the hex SHA-256 of the bytes. */
  readonly digest: string
  readonly revision: string
  readonly sequence: number
  /** Tells which shipped rules are inside: the digest of the Rego files below `certlocker/` as the bundle carries them. */
  readonly shippedDigest: string
  /** How many decision vectors it carries, for the gateway to ask before it activates the bundle. */
  readonly vectors: number
}

/**
 * Compiles the shipped rules and the directories to a WASM bundle. The same sources give the same bytes.
 * @returns the bundle, or what `opa` complained of
 * @throws OpaMissingError when the pinned `opa` cannot be had
 */
export async function buildBundle(options: BuildOptions): Promise<Result<BuiltBundle, string>> {
  const { version } = packageFacts()
  const { revision = `certlocker-${version}`, sequence = 0 } = options
  const sources = await findSources(options.directories)
  const shipped = await compile({ ...sources, company: [] }, { roots }, revision)
  if (!shipped.ok) return shipped
  const shippedDigest = digestOfShipped(shipped.value)
  const vectors = options.directories.length === 0 ? ok([]) : await promises(sources)
  if (!vectors.ok) return vectors
  const metadata = {
    inputSchema: 'certlocker.input/v1',
    decisionSchema: 'certlocker.decision/v1',
    minGateway: version,
    sequence,
    shippedDigest,
    ...(vectors.value.length === 0 ? {} : { vectors: vectors.value }),
  }
  const bundle = await compile(sources, { roots, metadata }, revision)
  if (!bundle.ok) return bundle
  const digest = sha256(bundle.value)
  return ok({ bytes: bundle.value, digest, revision, sequence, shippedDigest, vectors: vectors.value.length })
}

/** Writes the bundle, and beside it a line for `sha256sum --check` in FILE.sha256. */
export async function writeBundle({ bytes, digest }: BuiltBundle, file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, bytes)
  await writeFile(`${file}.sha256`, `${digest.slice('sha256:'.length)}  ${basename(file)}\n`)
}

/** The digest by which shipped rules are known, computed from any bundle that carries them. */
export function digestOfShipped(tarball: Uint8Array): string {
  const bundle = readBundle(tarball)
  if (!bundle.ok) throw new Error(`opa built what the gateway refuses: ${bundle.error.code} ${bundle.error.detail}`)
  return shippedDigestOf(bundle.value.files)
}

// Data lives below certlocker/config; that is checked where a bundle is read, since roots may not overlap.
const roots = ['certlocker', 'custom']

async function compile(sources: Sources, manifest: object, revision: string): Promise<Result<Buffer, string>> {
  return inStage(sources, manifest, async (directory) => {
    const settings = { cwd: join(directory, bundleDirectory) }
    const { exitCode, stdout, stderr } = await runOpa([...build, '--revision', revision, '.'], settings)
    return exitCode === 0 ? ok(await readFile(join(directory, 'bundle.tar.gz'))) : err((stderr || stdout).trim())
  })
}

const build = [
  'build',
  '--bundle',
  '--target',
  'wasm',
  '--entrypoint',
  'certlocker/main/decision',
  // Higher levels compile today's data into the module.
  '--optimize',
  '0',
  '--capabilities',
  join(packageRoot, 'bundles', 'capabilities.json'),
  '--output',
  '../bundle.tar.gz',
] as const

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { settingsEnvironment } from '../../config/cli-environment.ts'
import { CliError, exitCodes } from '../cli-error.ts'
import type { Finding } from './finding.ts'
import { packageRoot } from './package-root.ts'
import type { Sources } from './sources.ts'

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

/**
 * What Regal objects to, where it is on PATH; without it nothing. A directory's own `.regal` counts, else ours.
 * @throws CliError when Regal is there and does not work: a check that is silently skipped is none
 */
export async function regalFindings(directories: readonly string[], sources: Sources): Promise<Finding[]> {
  const policies = directories.length === 0 ? sources.shipped : sources.company
  const files = [...policies, ...sources.tests].map(({ path }) => path).filter((path) => path.endsWith('.rego'))
  if (files.length === 0) return []
  const root = [...directories, packageRoot].find((directory) => existsSync(join(directory, '.regal', 'config.yaml')))
  const settings = join(root ?? packageRoot, '.regal')
  const rules = existsSync(join(settings, 'rules')) ? ['--rules', join(settings, 'rules')] : []
  const config = ['--config-file', join(settings, 'config.yaml'), ...rules]
  const stdout = await regal(['lint', '--format', 'json', ...config, ...files])
  if (stdout === undefined) return []
  const { violations = [] }: RegalReport = JSON.parse(stdout)
  return violations.map(({ title, description, category, location, related_resources = [] }) => ({
    file: location.file,
    line: location.row,
    check: 'regal',
    why: `${category}/${title}: ${description}`,
    fix: related_resources[0]?.ref ?? 'Change it, or say in .regal/config.yaml why it may stay.',
  }))
}

/** The part of `regal lint --format json` that is read here. */
interface RegalReport {
  readonly violations?: readonly {
    readonly title: string
    readonly description: string
    readonly category: string
    readonly location: { readonly file: string; readonly row: number }
    readonly related_resources?: readonly { readonly ref: string }[]
  }[]
}

function regal(arguments_: readonly string[]): Promise<string | undefined> {
  // A check needs no network.
  const env = { ...settingsEnvironment(), REGAL_DISABLE_VERSION_CHECK: 'true' }
  const options = { env, maxBuffer: OUTPUT_BYTES_MAX }
  return new Promise((resolve, reject) => {
    execFile('regal', arguments_, options, (error, stdout, stderr) => {
      if (error?.code === 'ENOENT') resolve(undefined)
      else if (stdout.startsWith('{')) resolve(stdout)
      else reject(broken(stderr, error))
    })
  })
}

function broken(stderr: string, cause: unknown): CliError {
  const [said = ''] = stderr.trim().split('\n')
  const remedy = 'Install Regal 0.39 or newer, or take it off PATH.'
  return new CliError(exitCodes.failed, `regal, which is on PATH, does not work: ${said}. ${remedy}`, cause)
}

import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { ErrorObject, ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { ownSchemas } from '../kernel/own-schemas.ts'
import { err, ok, type Result } from '../kernel/result.ts'
import { Secret } from '../kernel/secret.ts'
import { type Config, configSchema } from './config.schema.ts'
import type { ConfigProblem } from './config-problem.ts'
import { environmentValues } from './environment-values.ts'
import { settings } from './setting.ts'
import { settingProblems } from './setting-problems.ts'
import { type Tree, valueAt, withValue } from './tree.ts'

export interface ConfigSources {
  /** YAML or JSON. */
  readonly file?: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** The settings in force, and from where each one came. */
export interface LoadedConfig {
  readonly config: Config
  readonly origins: ReadonlyMap<string, string>
}

const ajv = new Ajv2020({ ...ownSchemas, allErrors: true, useDefaults: true, allowUnionTypes: true })
for (const keyword of ['x-secret', 'x-path', 'x-file-only']) ajv.addKeyword(keyword)
/** Compiled when it is needed: most commands have no settings. */
let compiled: ValidateFunction<Config> | undefined

/** Puts the settings together: defaults, then the file, then the environment. @returns every problem at once */
export async function loadConfig(sources: ConfigSources): Promise<Result<LoadedConfig, readonly ConfigProblem[]>> {
  const problems: ConfigProblem[] = []
  const fromFile = sources.file === undefined ? {} : await readConfigFile(sources.file, problems)
  const fromEnvironment = await environmentValues(sources.environment, problems)

  const origins = new Map<string, string>()
  let tree: Tree = sections()
  for (const { key, path, schema } of settings) {
    const variable = fromEnvironment.get(key)
    const filed = valueAt(fromFile, path)
    const [value, origin] = variable === undefined ? [filed, sources.file ?? ''] : [variable.value, variable.name]
    origins.set(key, value === undefined ? 'default' : origin)
    if (value === undefined) continue
    const base = variable === undefined && sources.file !== undefined ? dirname(resolve(sources.file)) : process.cwd()
    tree = withValue(tree, path, schema['x-path'] === true && typeof value === 'string' ? resolve(base, value) : value)
  }
  problems.push(...unknownKeys(fromFile, sources.file ?? ''))
  const settled: unknown = withDerivedPaths(tree)
  const validate = (compiled ??= ajv.compile<Config>(configSchema))
  if (!validate(settled))
    return err([...problems, ...(validate.errors ?? []).map((error) => problemOf(error, origins))])
  const config = wrapped(settled)
  problems.push(...(await settingProblems(config)))
  return problems.length > 0 ? err(problems) : ok({ config, origins })
}

async function readConfigFile(file: string, problems: ConfigProblem[]): Promise<Tree> {
  try {
    const content: unknown = parse(await readFile(file, 'utf8'))
    if (typeof content === 'object' && content !== null && !Array.isArray(content)) return { ...content }
    problems.push({ place: file, problem: 'must hold one mapping of settings' })
  } catch (error) {
    const isMissing = error instanceof Error && 'syscall' in error
    problems.push({
      place: file,
      problem: isMissing ? 'cannot be read; give an existing file with --config' : 'is neither valid YAML nor JSON',
    })
  }
  return {}
}

/** Every section exists, so that defaults inside it apply; optional ones with required members stay away. */
function sections(): Tree {
  const names = Object.entries(configSchema.properties).filter(([, schema]) => 'properties' in schema)
  return Object.fromEntries(names.map(([name]) => [name, {}]))
}

function withDerivedPaths(tree: Tree): Tree {
  const given = valueAt(tree, ['dataDir'])
  const dataDir = typeof given === 'string' ? given : resolve(configSchema.properties.dataDir.default)
  const derived: [string[], string][] = [
    [['dataDir'], dataDir],
    [['audit', 'keyFile'], join(dataDir, 'keys', 'audit.pem')],
    [['secrets', 'keyFile'], join(dataDir, 'keys', 'secrets.key')],
    [['bastion', 'hostKeyFile'], join(dataDir, 'keys', 'bastion.key')],
    [['recordings', 'dir'], join(dataDir, 'recordings')],
  ]
  return derived.reduce(
    (into, [path, value]) => (valueAt(into, path) === undefined ? withValue(into, path, value) : into),
    tree,
  )
}

function unknownKeys(tree: Tree, file: string, path: readonly string[] = []): ConfigProblem[] {
  return Object.entries(tree).flatMap(([name, value]) => {
    const here = [...path, name]
    const key = here.join('.')
    if (settings.some((setting) => setting.key === key)) return []
    const isSection = settings.some((setting) => setting.key.startsWith(`${key}.`))
    if (!isSection)
      return [{ place: `${file}: ${key}`, problem: 'is no setting; `certlocker config schema` lists them' }]
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return unknownKeys({ ...value }, file, here)
    return [{ place: `${file}: ${key}`, problem: 'must be a mapping of settings' }]
  })
}

function problemOf(
  { instancePath, message, params }: ErrorObject,
  origins: ReadonlyMap<string, string>,
): ConfigProblem {
  const key = instancePath.slice(1).replaceAll('/', '.')
  const setting = settings.find((each) => key === each.key || key.startsWith(`${each.key}.`))
  const origin = setting === undefined ? undefined : origins.get(setting.key)
  const allowed: unknown = params['allowedValues']
  const choice = Array.isArray(allowed) ? `: ${allowed.join(', ')}` : ''
  return { place: origin === undefined ? key : `${key} (${origin})`, problem: `${message ?? 'is not valid'}${choice}` }
}

function wrapped(config: Config): Config {
  let tree: Tree = { ...config }
  for (const { path, schema } of settings) {
    const value = valueAt(tree, path)
    if (schema['x-secret'] === true && typeof value === 'string') tree = withValue(tree, path, new Secret(value))
  }
  return tree as unknown as Config
}

import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { packageRoot } from './package-root.ts'

/** A file of policy: where it lies, and its name inside the bundle. */
export interface SourceFile {
  readonly path: string
  readonly name: string
}

/** Everything that one build, check or test run looks at. */
export interface Sources {
  readonly shipped: readonly SourceFile[]
  readonly company: readonly SourceFile[]
  /** Rego tests, named as inside `policy-tests`. */
  readonly tests: readonly SourceFile[]
  readonly fixtures: readonly SourceFile[]
  readonly vectors: readonly SourceFile[]
  /** Lists of every code that was ever stated: `codes.txt`. */
  readonly codes: readonly SourceFile[]
  /** Lists of mutants that may survive: `survivors.json`. */
  readonly survivors: readonly SourceFile[]
}

/** The name in the bundle of the tunables. A company's file of that name replaces the shipped values member by member. */
export const configName = 'certlocker/config/data.json'

const shippedPolicies = join(packageRoot, 'policies')
const shippedTests = join(packageRoot, 'policy-tests')

/**
 * Finds the shipped rules, and what a company adds: every `.rego` file in the directories, the tunables in
 * `certlocker/config/data.json`, tests (`*_test.rego`, `fixtures/*.json`, `vectors/*.json`) and lists of codes. Policies
 * may lie below `policies/`. Without directories the tests and codes are the shipped ones.
 */
export async function findSources(directories: readonly string[]): Promise<Sources> {
  const ours = await filesIn(shippedPolicies)
  const shipped = ours.filter(({ name }) => name.startsWith('certlocker/'))
  const given = (await Promise.all(directories.map(filesIn))).flat()
  const proofs = directories.length === 0 ? await filesIn(shippedTests) : given
  return {
    shipped: shipped.filter(isPolicy),
    company: given
      .map(({ path, name }) => ({ path, name: name.replace(/^policies\//, '') }))
      .filter(isPolicy)
      .map(inBundle),
    tests: proofs.filter(({ name }) => name.endsWith('_test.rego')),
    fixtures: proofs.filter(({ name }) => /(^|\/)fixtures\/[^/]+\.json$/.test(name)),
    vectors: proofs.filter(({ name }) => /(^|\/)vectors\/[^/]+\.json$/.test(name)),
    codes: (directories.length === 0 ? ours : given).filter(({ name }) => basename(name) === 'codes.txt'),
    survivors: proofs.filter(({ name }) => basename(name) === 'survivors.json'),
  }
}

/**
 * Lays the sources out as a bundle's directory. File paths are compiled into the module, so every build has this layout.
 * @throws Error when two files have one name
 */
export async function stage(sources: Sources, directory: string, manifest: object): Promise<void> {
  const names = new Set<string>()
  for (const { path, name } of [...sources.shipped, ...sources.company]) {
    if (names.has(name) && name !== configName)
      throw new Error(`${path}: another file is already ${name} in the bundle`)
    names.add(name)
    const target = join(directory, name)
    await mkdir(dirname(target), { recursive: true })
    if (name !== configName) await cp(path, target)
  }
  await writeFile(join(directory, configName), JSON.stringify(await tunables(sources)))
  await writeFile(join(directory, '.manifest'), JSON.stringify(manifest))
}

/** The tunables `data.certlocker.config`: the shipped ones, with a company's values in their place. */
export async function tunables({ shipped, company }: Pick<Sources, 'shipped' | 'company'>): Promise<object> {
  let merged = {}
  for (const { path, name } of [...shipped, ...company]) {
    if (name === configName) merged = { ...merged, ...JSON.parse(await readFile(path, 'utf8')) }
  }
  return merged
}

function isPolicy({ name }: SourceFile): boolean {
  return name === configName || (name.endsWith('.rego') && !name.endsWith('_test.rego'))
}

function inBundle({ path, name }: SourceFile): SourceFile {
  return { path, name: name === configName || name.startsWith('custom/') ? name : `custom/${name}` }
}

/** The files below a directory, in the order of their names, with `/` between the parts. */
async function filesIn(directory: string): Promise<SourceFile[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, name: relative(directory, path).split(sep).join('/') }))
    .filter(({ name }) => !name.split('/').some((part) => part === 'node_modules' || part.startsWith('.')))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

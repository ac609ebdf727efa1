import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { err, ok, type Result } from '../../kernel/result.ts'
import { buildInput } from '../../policy/input.ts'
import { packageFacts, packageRoot } from './package-root.ts'

export interface MadeRepository {
  readonly company: string
  readonly directory: string
  /** Relative to the directory. */
  readonly files: readonly string[]
}

/**
 * Writes a repository with one example rule, its test, fixtures, vectors, schemas, and what editors and CI need. The
 * directory may be missing, empty, or a fresh clone (`.git`); nothing is ever overwritten.
 * @returns what was written, or why nothing was
 */
export async function initRepository(company: string, directory: string): Promise<Result<MadeRepository, string>> {
  const problem = nameProblem(company) ?? (await directoryProblem(directory))
  if (problem !== undefined) return err(problem)
  const files = await contents(company)
  for (const [name, text] of files) {
    const path = join(directory, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text, { flag: 'wx' })
  }
  return ok({ company, directory, files: files.map(([name]) => name) })
}

/** Rego does not take these as the part of a package's name. */
const keywords: ReadonlySet<string> = new Set(
  'and as contains default else every false if import in not null or package some true with'.split(' '),
)

function nameProblem(company: string): string | undefined {
  if (/^[a-z][a-z0-9_]{0,31}$/u.test(company) && !keywords.has(company)) return undefined
  return `${JSON.stringify(company)} cannot be the part of a package's name: give 1 to 32 small letters, digits and underscores, a letter first and no keyword of Rego, such as acme or acme_labs`
}

async function directoryProblem(directory: string): Promise<string | undefined> {
  const found = await entriesOf(directory)
  if (found === undefined) return `${directory} is no directory: give an empty or missing one`
  const other = found.find((name) => name !== '.git')
  return other === undefined
    ? undefined
    : `${directory} is not empty (${other}), and nothing is overwritten: give an empty or missing directory`
}

async function entriesOf(directory: string): Promise<readonly string[] | undefined> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return undefined
    throw error
  }
}

const starter = join(packageRoot, 'src', 'cli', 'policy', 'starter')

async function contents(company: string): Promise<readonly (readonly [name: string, text: string])[]> {
  const { version, opa } = packageFacts()
  const words: readonly (readonly [string, string])[] = [
    ['__COMPANY__', company.toUpperCase()],
    ['__company__', company],
    ['__version__', version],
    ['__opa__', opa.version],
  ]
  const filled = (text: string) => words.reduce((all, [word, value]) => all.replaceAll(word, value), text)
  const own = (await filesBelow(starter)).map(async (path) => [
    // A package may not carry some files under the names that begin with a dot.
    filled(relative(starter, path).replace(/^dot-/u, '.')),
    filled(await readFile(path, 'utf8')),
  ])
  const copied = (await copies()).map(async ([name, path]) => [name, await readFile(path, 'utf8')])
  const asked = JSON.stringify(emptyCall(), null, 2)
  const all = await Promise.all([...own, ...copied])
  const made = [
    ['policy-tests/fixtures/call.json', `${JSON.stringify({ call: emptyCall() }, null, 2)}\n`],
    ['input.json', `${asked}\n`],
  ]
  return [...all, ...made].map(([name = '', text = '']) => [name, text] as const).toSorted(byName)
}

/** What the repository shares with the gateway: the schemas, the permitted builtins, the rules for Regal. */
async function copies(): Promise<readonly (readonly [name: string, path: string])[]> {
  const schemas = join(packageRoot, 'policies', 'schemas')
  const regal = join(packageRoot, '.regal')
  const named = (folder: string, below: string) => (path: string) =>
    [join(below, relative(folder, path)), path] as const
  return [
    ['capabilities.json', join(packageRoot, 'bundles', 'capabilities.json')],
    ...(await filesBelow(schemas)).map(named(schemas, 'schemas')),
    ...(await filesBelow(regal)).map(named(regal, '.regal')),
  ]
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

function byName([one]: readonly [string, string], [other]: readonly [string, string]): number {
  return one < other ? -1 : 1
}

/** Total, of nobody about nothing: fixtures and editors fill in what a rule looks at. */
function emptyCall() {
  return buildInput({
    call: { id: 'dec_1', action: '', tool: '', digest: '', attempt: 1, unixMs: 0 },
    timeZone: 'UTC',
    principal: { kind: 'agent', id: '', name: '' },
  })
}

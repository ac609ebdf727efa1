import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { alternativeTo } from './banned-builtins.ts'
import { codeListFindings, readCodeList } from './code-list.ts'
import type { Finding } from './finding.ts'
import { bundleDirectory, inStage } from './in-stage.ts'
import { packageRoot } from './package-root.ts'
import { regalFindings } from './regal.ts'
import { runOpa } from './run-opa.ts'
import { shapeFindings } from './shape-checks.ts'
import { configName, findSources, type SourceFile, type Sources } from './sources.ts'
import { parseRego, type Syntax } from './syntax.ts'

/**
 * Examines the shipped rules and a company's: format, types (against the input schema and the permitted builtins), what
 * the router would overlook, METADATA, codes, tunables.
 * @returns the findings in the order of files and lines; none is a clean policy
 */
export async function lintPolicies(directories: readonly string[]): Promise<readonly Finding[]> {
  const sources = await findSources(directories)
  const [format, compile, regal, shipped, company, lists, configuration] = await Promise.all([
    formatFindings([...regoOf(sources.shipped), ...regoOf(sources.company), ...sources.tests]),
    compileFindings(sources),
    regalFindings(directories, sources),
    parsed(sources.shipped),
    parsed(sources.company),
    Promise.all(sources.codes.map(readCodeList)),
    configurationFindings(sources),
  ])
  const listed = codeListFindings(lists, directories.length === 0 ? shipped : company)
  const findings = [...format, ...compile, ...regal, ...shapeFindings(shipped, company), ...listed, ...configuration]
  return findings.sort(byPlace)
}

function regoOf(files: readonly SourceFile[]): readonly SourceFile[] {
  return files.filter(({ name }) => name.endsWith('.rego'))
}

function byPlace(a: Finding, b: Finding): number {
  return a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1
}

async function parsed(files: readonly SourceFile[]): Promise<Syntax[]> {
  const all = await Promise.all(regoOf(files).map(parseRego))
  return all.filter((syntax) => syntax !== undefined)
}

async function formatFindings(files: readonly SourceFile[]): Promise<Finding[]> {
  if (files.length === 0) return []
  const { stdout } = await runOpa(['fmt', '--list', ...files.map(({ path }) => path)], { cwd: packageRoot })
  const listed = stdout.split('\n').filter((line) => line !== '')
  return listed.map((file) => {
    const fix = `Run \`opa fmt --write ${file}\`.`
    return { file, line: 1, check: 'format', why: 'the file is not formatted as `opa fmt` does', fix }
  })
}

/** Types are only checked against the input schema below a package that says so; a company's files need not say it. */
const customSchema = `# METADATA
# scope: subpackages
# schemas:
#   - input: schema.input
package custom
`

async function compileFindings(sources: Sources): Promise<Finding[]> {
  return inStage(sources, {}, async (stage) => {
    await mkdir(join(stage, 'annotations'))
    await writeFile(join(stage, 'annotations', 'custom.rego'), customSchema)
    const run = await runOpa([...check, bundleDirectory, 'annotations'], { cwd: stage })
    if (run.exitCode === 0) return []
    const { errors = [] }: { errors?: readonly CompileError[] } = JSON.parse(run.stdout || run.stderr)
    return errors.map((error) => compileFinding(error, sources))
  })
}

const check = [
  'check',
  '--strict',
  '--max-errors',
  '0',
  '--format',
  'json',
  '--schema',
  join(packageRoot, 'policies', 'schemas'),
  '--capabilities',
  join(packageRoot, 'bundles', 'capabilities.json'),
] as const

interface CompileError {
  readonly message: string
  readonly location?: { readonly file: string; readonly row: number }
}

function compileFinding({ message, location }: CompileError, { shipped, company }: Sources): Finding {
  const name = location?.file.replace(`${bundleDirectory}/`, '')
  const source = [...company, ...shipped].find((file) => file.name === name)
  const builtin = /^undefined function (\S+)/u.exec(message)?.[1]
  const fix =
    builtin === undefined
      ? 'Correct the rule. The input is described in policies/schemas/input.json.'
      : `${alternativeTo(builtin)} What the gateway cannot evaluate alike everywhere is not in bundles/capabilities.json.`
  return {
    file: source?.path ?? location?.file ?? 'policies',
    line: location?.row ?? 1,
    check: 'compile',
    why: message,
    fix,
  }
}

async function configurationFindings({ shipped, company }: Sources): Promise<Finding[]> {
  const known = await readConfig(shipped)
  const given = await readConfig(company)
  const file = company.find(({ name }) => name === configName)?.path ?? ''
  return Object.entries(given).flatMap(([name, value]) => {
    const line = 1
    const fix = `The tunables and their forms are in policies/${configName}.`
    if (!Object.hasOwn(known, name))
      return [{ file, line, check: 'configuration', why: `${name} is not a tunable`, fix }]
    const why = `${name} is ${kindOf(value)} where ${kindOf(known[name])} is needed`
    return kindOf(value) === kindOf(known[name]) ? [] : [{ file, line, check: 'configuration', why, fix }]
  })
}

async function readConfig(files: readonly SourceFile[]): Promise<Record<string, unknown>> {
  const file = files.find(({ name }) => name === configName)
  return file === undefined ? {} : JSON.parse(await readFile(file.path, 'utf8'))
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'a list' : `a ${value === null ? 'null' : typeof value}`
}

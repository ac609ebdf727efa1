import { readFile } from 'node:fs/promises'
import type { ConfigProblem } from './config-problem.ts'
import { type Setting, settings } from './setting.ts'

const PREFIX = 'CERTLOCKER_'
const FILE_SUFFIX = '_FILE'
/** They belong to the command line. */
const notConfiguration = new Set(['CERTLOCKER_URL', 'CERTLOCKER_API_KEY', 'CERTLOCKER_MCP_TOKEN'])
const aliases = [
  { name: 'DATABASE_URL', key: 'database.url' },
  { name: 'VAULT_ADDR', key: 'vault.address' },
  { name: 'VAULT_TOKEN', key: 'vault.auth.token' },
] as const

export interface EnvironmentValue {
  readonly name: string
  readonly value: unknown
}

/** The settings given by variables: by key, parsed by the setting's type. `NAME_FILE` names a file that holds the value. */
export async function environmentValues(
  environment: Readonly<Record<string, string | undefined>>,
  problems: ConfigProblem[],
): Promise<ReadonlyMap<string, EnvironmentValue>> {
  problems.push(...givenTwice(environment))
  const values = new Map<string, EnvironmentValue>()
  for (const { name, key } of aliases) {
    const fileName = `${name}${FILE_SUFFIX}`
    const file = environment[fileName]
    const content = file ? await contentOf(fileName, file, problems) : undefined
    const text = environment[name] || content
    if (text) values.set(key, { name: environment[name] ? name : fileName, value: text })
  }
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith(PREFIX) || notConfiguration.has(name) || text === undefined) continue
    const found = settingFor(name)
    if (found === undefined) {
      problems.push({ place: name, problem: 'is no setting; `certlocker config schema` lists them' })
      continue
    }
    const content = found.isFile ? await contentOf(name, text, problems) : text
    if (content !== undefined) values.set(found.setting.key, { name, value: parsed(found.setting, content) })
  }
  return values
}

/** Which of the two would win is no matter of guessing. */
function givenTwice(environment: Readonly<Record<string, string | undefined>>): ConfigProblem[] {
  return [...aliases.map(({ name }) => name), ...settings.map(({ variable }) => variable)]
    .filter((name) => name !== undefined)
    .filter((name) => environment[name] !== undefined && environment[`${name}${FILE_SUFFIX}`] !== undefined)
    .map((name) => ({ place: name, problem: `and ${name}${FILE_SUFFIX} are both set: keep one of them` }))
}

function settingFor(name: string): { readonly setting: Setting; readonly isFile: boolean } | undefined {
  const direct = settings.find(({ variable }) => variable === name)
  if (direct !== undefined) return { setting: direct, isFile: false }
  if (!name.endsWith(FILE_SUFFIX)) return undefined
  const setting = settings.find(({ variable }) => variable === name.slice(0, -FILE_SUFFIX.length))
  return setting && { setting, isFile: true }
}

async function contentOf(name: string, file: string, problems: ConfigProblem[]): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '')
  } catch {
    problems.push({ place: name, problem: 'names a file that cannot be read' })
    return undefined
  }
}

/** What does not parse stays text, which the schema then refuses by its type. */
function parsed({ schema }: Setting, text: string): unknown {
  if (schema.type === 'integer') return /^-?\d{1,15}$/.test(text) ? Number(text) : text
  if (schema.type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  if (schema.type === 'array')
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
  return text
}

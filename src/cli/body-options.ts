import { readFile } from 'node:fs/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { isObject, type Json } from './api.ts'
import { CliError, exitCodes } from './cli-error.ts'
import type { CliIo } from './io.ts'

/** The part of a REST schema that flags are made from. */
export interface BodySchema {
  readonly properties: { readonly [name: string]: object }
  readonly required?: readonly string[]
}

/** Flags with another name than their property's, by its path: `{ 'autoRotate.everySeconds': 'auto-rotate-every' }`. */
export type FlagNames = { readonly [path: string]: string }

/**
 * Gives a command one flag per property of a body: kebab-case, lists comma-separated, objects as JSON or, where their
 * members have names of their own, a flag per member. A sensitive property is read from a file or, with `-`, from standard
 * input, so that no value stands in the list of processes.
 */
export function addBodyOptions(command: Command, schema: BodySchema, names: FlagNames = {}): void {
  for (const member of membersOf(schema, names)) command.addOption(optionFor(member))
  command.option('--file <path>', 'the whole body as JSON; - reads it from standard input. Flags go over it')
}

/** The body that flags and `--file` give. @throws CliError (usage) when a required member is missing or a file cannot be read */
export async function bodyFrom(flags: Json, schema: BodySchema, io: CliIo, names: FlagNames = {}): Promise<Json> {
  const body: { [name: string]: unknown } = typeof flags['file'] === 'string' ? await jsonFile(flags['file'], io) : {}
  const members = membersOf(schema, names)
  for (const { name, within, flag, schema: property } of members) {
    const given = flags[camelCase(flag)]
    if (given === undefined) continue
    const value = isSensitive(property) ? await sensitiveContent(given, io) : given
    const outer = within === undefined ? undefined : body[within]
    if (within === undefined) body[name] = value
    else body[within] = { ...(isObject(outer) ? outer : {}), [name]: value }
  }
  const missing = (schema.required ?? []).filter((name) => !(name in body))
  if (missing.length > 0) {
    const isMissing = ({ name, within }: Member) => within === undefined && missing.includes(name)
    const named = members
      .filter(isMissing)
      .map(({ flag }) => `--${flag}`)
      .join(', ')
    throw new CliError(
      exitCodes.usage,
      `${named} ${missing.length === 1 ? 'is' : 'are'} missing: give the flag, or the member in --file`,
    )
  }
  return body
}

/** A property of a body, or of an object within it, and the flag for it, without dashes. */
interface Member {
  readonly name: string
  readonly within: string | undefined
  readonly flag: string
  readonly schema: object
}

function membersOf({ properties }: BodySchema, names: FlagNames): readonly Member[] {
  return Object.entries(properties).flatMap(([name, schema]): readonly Member[] => {
    if (!Object.keys(names).some((path) => path.startsWith(`${name}.`)))
      return [{ name, within: undefined, flag: names[name] ?? flagOf(name, schema), schema }]
    const inner = 'properties' in schema && isObject(schema.properties) ? Object.entries(schema.properties) : []
    return inner.flatMap(([member, of]) => {
      const flag = names[`${name}.${member}`]
      return flag === undefined || !isObject(of) ? [] : [{ name: member, within: name, flag, schema: of }]
    })
  })
}

interface JsonSchema {
  readonly type?: unknown
  readonly description?: string
  readonly items?: unknown
}

function optionFor({ name, flag: bare, schema }: Member): Option {
  const { type, description = '', items }: JsonSchema = schema
  const flag = `--${bare}`
  if (isSensitive(schema))
    return new Option(`${flag} <path>`, `file that holds it; - reads it from standard input. ${description}`)
  if ('enum' in schema && Array.isArray(schema.enum))
    return new Option(`${flag} <${name}>`, description).choices(schema.enum.map(String))
  if (type === 'boolean') return new Option(`${flag} [true|false]`, description).preset('true').argParser(parseBoolean)
  if (type === 'integer') return new Option(`${flag} <number>`, description).argParser(parseInteger)
  if (type === 'array') return new Option(`${flag} <list>`, listHelp(description, items)).argParser(parseList)
  if (type === 'string') return new Option(`${flag} <text>`, description)
  if (isTextOrNull(type))
    return new Option(`${flag} <text|null>`, description).argParser((text) => (text === 'null' ? null : text))
  return new Option(`${flag} <json>`, description).argParser(parseJson)
}

function flagOf(name: string, schema: object): string {
  return `${name.replace(/[A-Z]/gu, (letter) => `-${letter.toLowerCase()}`)}${isSensitive(schema) ? '-file' : ''}`
}

/** The name under which the parser keeps a flag. */
function camelCase(flag: string): string {
  return flag.replace(/-([a-z])/gu, (_, letter: string) => letter.toUpperCase())
}

function listHelp(said: string, items: unknown): string {
  const choices = isObject(items) && Array.isArray(items['enum']) ? `: ${items['enum'].join(', ')}` : ''
  return `${said}; comma-separated${choices}`
}

function isSensitive(schema: object): boolean {
  return 'x-sensitive' in schema && schema['x-sensitive'] === true
}

function isTextOrNull(type: unknown): boolean {
  return Array.isArray(type) && type.length === 2 && type[0] === 'string' && type[1] === 'null'
}

function parseBoolean(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  throw new InvalidArgumentError('It is true or false.')
}

function parseInteger(text: string): number {
  if (/^-?\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is a whole number.')
}

function parseList(text: string): string[] {
  return text === '' ? [] : text.split(',').map((item) => item.trim())
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new InvalidArgumentError('It is JSON.')
  }
}

async function jsonFile(path: string, io: CliIo): Promise<{ [name: string]: unknown }> {
  const text = await content(path, io)
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return { ...value }
  } catch {
    // Said below, without the parser's quotation of the text.
  }
  throw new CliError(exitCodes.usage, `${path} is no JSON object: --file takes the body as REST does`)
}

async function content(path: string, io: CliIo): Promise<string> {
  if (path === '-') return io.stdin()
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new CliError(exitCodes.usage, `${path} cannot be read: give an existing file, or - for standard input`, error)
  }
}

async function sensitiveContent(path: unknown, io: CliIo): Promise<string> {
  return withoutLastNewline(await content(typeof path === 'string' ? path : '-', io))
}

/** `echo secret | certlocker …` and editors end a file with a newline that is not part of the value. */
function withoutLastNewline(text: string): string {
  return text.replace(/\r?\n$/, '')
}

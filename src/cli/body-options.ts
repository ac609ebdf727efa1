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

/**
 * Gives a command one flag per property of a body: kebab-case, lists comma-separated, objects as JSON. A sensitive property
 * is read from a file or, with `-`, from standard input, so that no value stands in the list of processes.
 */
export function addBodyOptions(command: Command, { properties }: BodySchema): void {
  for (const [name, schema] of Object.entries(properties)) command.addOption(optionFor(name, schema))
  command.option('--file <path>', 'the whole body as JSON; - reads it from standard input. Flags go over it')
}

/** The body that flags and `--file` give. @throws CliError (usage) when a required member is missing or a file cannot be read */
export async function bodyFrom(flags: Json, schema: BodySchema, io: CliIo): Promise<Json> {
  const body: { [name: string]: unknown } = typeof flags['file'] === 'string' ? await jsonFile(flags['file'], io) : {}
  for (const [name, property] of Object.entries(schema.properties)) {
    const flag = flags[isSensitive(property) ? `${name}File` : name]
    if (flag === undefined) continue
    body[name] = isSensitive(property) ? await sensitiveContent(flag, io) : flag
  }
  const missing = (schema.required ?? []).filter((name) => !(name in body))
  if (missing.length > 0) {
    const named = missing.map((name) => flagOf(name, schema.properties[name] ?? {})).join(', ')
    throw new CliError(
      exitCodes.usage,
      `${named} ${missing.length === 1 ? 'is' : 'are'} missing: give the flag, or the member in --file`,
    )
  }
  return body
}

interface JsonSchema {
  readonly type?: unknown
  readonly description?: string
  readonly items?: unknown
}

function optionFor(name: string, schema: object): Option {
  const { type, description = '', items }: JsonSchema = schema
  const flag = flagOf(name, schema)
  if (isSensitive(schema))
    return new Option(`${flag} <path>`, `file that holds it; - reads it from standard input. ${description}`)
  if ('enum' in schema && Array.isArray(schema.enum))
    return new Option(`${flag} <${name}>`, description).choices(schema.enum.map(String))
  if (type === 'boolean') return new Option(`${flag} <true|false>`, description).argParser(parseBoolean)
  if (type === 'integer') return new Option(`${flag} <number>`, description).argParser(parseInteger)
  if (type === 'array') return new Option(`${flag} <list>`, listHelp(description, items)).argParser(parseList)
  if (type === 'string') return new Option(`${flag} <text>`, description)
  return new Option(`${flag} <json>`, description).argParser(parseJson)
}

function flagOf(name: string, schema: object): string {
  return `--${name.replace(/[A-Z]/gu, (letter) => `-${letter.toLowerCase()}`)}${isSensitive(schema) ? '-file' : ''}`
}

function listHelp(said: string, items: unknown): string {
  const choices = isObject(items) && Array.isArray(items['enum']) ? `: ${items['enum'].join(', ')}` : ''
  return `${said}; comma-separated${choices}`
}

function isSensitive(schema: object): boolean {
  return 'x-sensitive' in schema && schema['x-sensitive'] === true
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

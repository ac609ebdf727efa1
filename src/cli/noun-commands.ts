import { type Command, InvalidArgumentError } from 'commander'
import { type Api, isObject, type Json, pathOf, type Query, queryOf, restApi } from './api.ts'
import { addBodyOptions, bodyFrom } from './body-options.ts'
import type { CliIo } from './io.ts'
import { nouns } from './nouns.ts'
import { sheet, table } from './table.ts'
import type { Noun, Verb } from './verb.ts'

const PAGE_ITEMS = 200
const LIST_ITEMS = 100

/** Adds `certlocker <noun> <verb>` for the whole table. */
export function registerNounCommands(program: Command, io: CliIo): void {
  for (const noun of nouns) {
    const group = program.command(noun.name).description(noun.about)
    for (const verb of noun.verbs) registerVerb(group, noun, verb, io)
  }
}

function registerVerb(group: Command, noun: Noun, verb: Verb, io: CliIo): void {
  const command = group.command(verb.name).description(verb.about).option('--json', 'print the answer as JSON')
  if (verb.path.includes(':')) command.argument('<id>', 'id or unique name')
  if (verb.body !== undefined) addBodyOptions(command, verb.body, verb.flags)
  for (const filter of verb.filters ?? []) command.option(`--${filter} <value>`, `only those of this ${filter}`)
  if (verb.filters !== undefined) command.option('--limit <number>', 'how many at most', parseLimit, LIST_ITEMS)
  command.action(async () => {
    const [id] = command.processedArgs
    const flags: Json = command.opts()
    const text = await answerTo(restApi(io.environment), noun, verb, {
      id: typeof id === 'string' ? id : '',
      flags,
      io,
    })
    io.stdout.write(text)
  })
}

interface Given {
  readonly id: string
  readonly flags: Json
  readonly io: CliIo
}

async function answerTo(api: Api, noun: Noun, verb: Verb, { id, flags, io }: Given): Promise<string> {
  const path = pathOf(verb.path, id)
  const isJson = flags['json'] === true
  if (verb.filters !== undefined) {
    const answer = await listAll(api, path, queryOf(verb.filters, flags), Number(flags['limit']))
    if (isJson) return json(answer)
    const items = verb.row === undefined ? answer.items : answer.items.map(verb.row)
    return listText(verb.columns ?? noun.columns, { ...answer, items })
  }
  const body = verb.body === undefined ? {} : { body: await bodyFrom(flags, verb.body, io, verb.flags) }
  const answer = await api.call(verb.method, path, verb.method === 'POST' ? { body: {}, ...body } : body)
  if (isJson) return json(answer)
  return verb.print?.(answer) ?? sheet(answer)
}

interface Listed extends Json {
  readonly items: readonly Json[]
  readonly nextCursor: unknown
}

/** Pages until there are so many items, or no more. */
export async function listAll(api: Api, path: string, query: Query, limit: number): Promise<Listed> {
  const items: Json[] = []
  let nextCursor: unknown = null
  do {
    const cursor = typeof nextCursor === 'string' ? { cursor: nextCursor } : {}
    const page = await api.call('GET', path, {
      query: { ...query, ...cursor, limit: Math.min(PAGE_ITEMS, limit - items.length) },
    })
    if (Array.isArray(page['items'])) items.push(...page['items'].filter(isObject))
    nextCursor = page['nextCursor'] ?? null
  } while (nextCursor !== null && items.length < limit)
  return { items, nextCursor }
}

export function listText(columns: readonly string[], { items, nextCursor }: Listed): string {
  if (items.length === 0) return 'none\n'
  return `${table(columns, items)}${nextCursor === null ? '' : `… there are more: --limit ${items.length * 2}\n`}`
}

export function parseLimit(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is a whole number from 1.')
}

export function json(answer: Json): string {
  return `${JSON.stringify(answer, null, 2)}\n`
}

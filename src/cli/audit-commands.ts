import { createReadStream, createWriteStream } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Command, Option } from 'commander'
import { verifyExport } from '../domain/audit/verifier.js'
import { type Api, isObject, type Json, pause, type Query, queryOf, restApi } from './api.ts'
import { CliError, exitCodes } from './cli-error.ts'
import { eventLine } from './event-line.ts'
import type { CliIo } from './io.ts'
import { sheet } from './table.ts'

const FOLLOW_MS = 1_000
const PAGE_EVENTS = 200
const filters = ['agent', 'session', 'resource', 'environment', 'type', 'outcome', 'from', 'to', 'q'] as const

/** Adds `certlocker audit tail|export|verify`. */
export function registerAuditCommands(program: Command, io: CliIo): void {
  const audit = program.command('audit').description('The tamper-evident log')
  const tail = audit
    .command('tail')
    .description('Print the last events, and with --follow every one that comes')
    .option('--follow', 'go on until interrupted')
    .addOption(new Option('--limit <number>', 'how many past events').default('20'))
    .option('--json', 'one JSON document per line')
  for (const filter of filters) tail.option(`--${filter} <value>`, `as the REST filter \`${filter}\``)
  tail.action((flags: Json) => printTail(restApi(io.environment), flags, io))

  const exported = audit
    .command('export')
    .description('Export the log with its proofs, or with filters a part of it with a proof for each event')
    .option('-o, --output <file>', 'file to write; standard output when absent')
    .addOption(
      new Option('--format <format>', 'ndjson can be verified; csv and ocsf are for other tools')
        .choices(['ndjson', 'csv', 'ocsf'])
        .default('ndjson'),
    )
  for (const filter of filters) exported.option(`--${filter} <value>`, `as the REST filter \`${filter}\``)
  exported.action(({ output, ...flags }: Json) =>
    exportTo(restApi(io.environment), queryOf(['format', ...filters], flags), output, io),
  )

  audit
    .command('verify')
    .description("Verify the log: the server's, or an export with nothing but the public key")
    .argument('[file]', 'an export')
    .option('--key <pem>', 'the public key, from a source that you trust (GET /audit/key)')
    .option('--json', 'print the answer as JSON')
    .action(async (file: string | undefined, flags: { readonly key?: string; readonly json?: true }) => {
      const found =
        file === undefined
          ? await restApi(io.environment).call('GET', '/audit/verify')
          : await verifyFile(file, flags.key)
      io.stdout.write(
        flags.json
          ? `${JSON.stringify(found, null, 2)}\n`
          : `${found['ok'] === true ? 'PASS' : 'FAIL'}\n${sheet(found)}`,
      )
      if (found['ok'] !== true) throw new CliError(exitCodes.failed, '')
    })
}

async function printTail(api: Api, flags: Json, io: CliIo): Promise<void> {
  const query = queryOf(filters, flags)
  const print = (events: readonly Json[]) => {
    for (const event of events)
      io.stdout.write(`${flags['json'] === true ? JSON.stringify(event) : eventLine(event)}\n`)
  }
  const past = await eventsOf(api, { ...query, limit: String(flags['limit']) })
  print(past.toReversed())
  if (flags['follow'] !== true) return
  // Without a match so far, what is already in the log must not be printed as if it came now.
  let afterSeq = seqOf(past[0] ?? (await eventsOf(api, { limit: 1 }))[0])
  const { interrupted } = io
  while (await pause(FOLLOW_MS, interrupted)) {
    const events = await eventsOf(api, { ...query, afterSeq, order: 'asc', limit: PAGE_EVENTS })
    print(events)
    afterSeq = Math.max(afterSeq, seqOf(events.at(-1)))
  }
}

function seqOf(event: Json | undefined): number {
  return Number(event?.['seq'] ?? 0)
}

async function eventsOf(api: Api, query: Query): Promise<readonly Json[]> {
  const { items } = await api.call('GET', '/audit', { query })
  return Array.isArray(items) ? items.filter(isObject) : []
}

async function exportTo(api: Api, query: Query, output: unknown, { stdout }: CliIo): Promise<void> {
  const bytes = Readable.fromWeb((await api.stream('/audit/export', query)) as Parameters<typeof Readable.fromWeb>[0])
  if (typeof output !== 'string') return pipeline(bytes, stdout, { end: false })
  try {
    await pipeline(bytes, createWriteStream(output, { mode: 0o600 }))
  } catch (error) {
    await rm(output, { force: true })
    throw new CliError(
      exitCodes.failed,
      `${output} was not written: the export broke off, or the file cannot be created`,
      error,
    )
  }
}

async function verifyFile(file: string, key: string | undefined): Promise<Json> {
  if (key === undefined)
    throw new CliError(
      exitCodes.usage,
      "--key is missing: give the log's public key (PEM), from a source that you trust",
    )
  const pem = await readFile(key, 'utf8').catch((error: unknown) => {
    throw new CliError(exitCodes.usage, `${key} cannot be read: give the public key as a PEM file`, error)
  })
  try {
    return { ...(await verifyExport(createReadStream(file, 'utf8'), pem)) }
  } catch (error) {
    throw new CliError(
      exitCodes.usage,
      `${file} cannot be verified: it is no readable export, or ${key} is no public key`,
      error,
    )
  }
}

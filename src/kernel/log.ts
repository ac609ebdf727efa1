import winston from 'winston'
import { logLine } from './log-line.ts'
import { redacted, redactedText } from './redact.ts'

export const logLevels = ['error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof logLevels)[number]

export interface LogFields {
  readonly [name: string]: unknown
}

/**
 * The operator's log. A message is a constant; what varies goes into fields, so that entries can be counted and searched.
 * A healthy gateway writes no `error`. Everything passes through `redacted` first.
 */
export interface Log {
  error(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  debug(message: string, fields?: LogFields): void
  /** A log whose every entry carries these fields too, for example `{component: 'bastion'}`. */
  child(fields: LogFields): Log
}

export interface LogOptions {
  readonly level: LogLevel
  readonly stream: NodeJS.WritableStream
  /** Lines for people instead of one JSON object per line. */
  readonly pretty: boolean
}

/** A log to standard error: for people on a terminal, otherwise JSON. */
export function standardLog(level: LogLevel): Log {
  return createLog({ level, stream: process.stderr, pretty: process.stderr.isTTY })
}

export function createLog({ level, stream, pretty }: LogOptions): Log {
  const logger = winston.createLogger({
    level,
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    format: winston.format.printf(pretty ? prettyEntry : jsonEntry),
    transports: [new winston.transports.Stream({ stream })],
    exitOnError: false,
  })
  return logOn(logger, {})
}

function logOn(logger: winston.Logger, own: LogFields): Log {
  const write =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (!logger.isLevelEnabled(level)) return
      // Everything under one name of its own: winston glues a field called `message` to the text and loses Errors.
      logger.log({ level, message, fields: { ...own, ...fields } })
    }
  return {
    error: write('error'),
    warn: write('warn'),
    info: write('info'),
    debug: write('debug'),
    child: (fields) => logOn(logger, { ...own, ...fields }),
  }
}

function jsonEntry({ level, message, fields }: winston.Logform.TransformableInfo): string {
  const entry = { at: new Date().toISOString(), level, message: redactedText(String(message)) }
  const members = Object.entries(redacted(fields) ?? {}).map(([name, value]) => [
    name in entry ? `${name}_` : name,
    value,
  ])
  return JSON.stringify({ ...entry, ...Object.fromEntries(members) })
}

function prettyEntry({ level, message, fields }: winston.Logform.TransformableInfo): string {
  const shown: { [name: string]: string } = {}
  let stack = ''
  for (const [name, value] of Object.entries(redacted(fields) ?? {})) {
    if (isShownError(value)) stack += stackOf(value)
    else if (value !== undefined) shown[name] = typeof value === 'string' ? value : JSON.stringify(value)
  }
  const clock = new Date().toISOString().slice(11, 23)
  return logLine(`${clock} ${level.toUpperCase().padEnd(5)} ${redactedText(String(message))}`, shown) + stack
}

interface ShownError {
  readonly stack: string
  readonly detail?: unknown
  readonly cause?: unknown
}

/** The stack, what the operator may know besides, and the same of the cause, whose depth `redacted` has bounded. */
function stackOf({ stack, detail, cause }: ShownError): string {
  const own = [stack, typeof detail === 'string' ? detail : ''].filter((text) => text !== '').join('\n')
  return `\n  ${own.replaceAll('\n', '\n  ')}${isShownError(cause) ? stackOf(cause) : ''}`
}

function isShownError(value: unknown): value is ShownError {
  return typeof value === 'object' && value !== null && 'stack' in value && typeof value.stack === 'string'
}

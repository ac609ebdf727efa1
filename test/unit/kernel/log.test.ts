import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { createLog, type Log, type LogLevel } from '../../../src/kernel/log.ts'
import { Secret } from '../../../src/kernel/secret.ts'

function recorded(level: LogLevel, pretty: boolean, use: (log: Log) => void): string[] {
  const stream = new PassThrough()
  use(createLog({ level, stream, pretty }))
  const text = stream.read()?.toString() ?? ''
  return text.split('\n').filter((line: string) => line !== '')
}

function entriesOf(use: (log: Log) => void): unknown[] {
  return recorded('debug', false, use).map((line): unknown => JSON.parse(line))
}

describe('the log for machines', () => {
  test('is one JSON object per line: when, how grave, a constant message, then the fields', () => {
    const entries = entriesOf((log) =>
      log.child({ component: 'bastion' }).info('session ended', { sessionId: 'ses_1', exitCode: 0 }),
    )
    expect(entries).toEqual([
      {
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/u),
        level: 'info',
        message: 'session ended',
        component: 'bastion',
        sessionId: 'ses_1',
        exitCode: 0,
      },
    ])
  })

  test('keeps the message apart from a field of that name', () => {
    const entries = entriesOf((log) => log.warn('call failed', { message: 'other', level: 'x' }))
    expect(entries).toMatchObject([{ message: 'call failed', message_: 'other', level: 'warn', level_: 'x' }])
  })

  test('shows an error with its causes', () => {
    const error = new Error('read failed', { cause: new Error('connection refused') })
    const entries = entriesOf((log) => log.error('call broken off', { error }))
    expect(entries).toMatchObject([{ error: { message: 'read failed', cause: { message: 'connection refused' } } }])
  })

  test('shows no credential, wherever it was put', () => {
    const canary = 'canary-8d0f'
    const url = `postgres://u:${canary}@h/d`
    const lines = recorded('debug', false, (log) => {
      log.child({ password: canary }).error(`cannot reach ${url}`, {
        error: new Error(`no route to ${url}`, { cause: new Error(url) }),
        secret: new Secret(canary),
        headers: { authorization: canary },
        nested: [{ value: canary }],
      })
    })
    expect(lines).toHaveLength(1)
    expect(lines.join()).not.toContain(canary)
  })

  test('leaves out what is below its level', () => {
    const lines = recorded('warn', false, (log) => {
      log.info('left out')
      log.debug('left out')
      log.warn('kept')
    })
    expect(lines).toHaveLength(1)
  })
})

describe('the log for people', () => {
  test('is one line with the fields in logfmt', () => {
    const [line] = recorded('info', true, (log) =>
      log.child({ component: 'http' }).info('listening', { url: 'http://a b', on: { port: 1 } }),
    )
    expect(line).toMatch(/^[\d:.]{12} INFO {2}listening component=http url="http:\/\/a b" on="\{\\"port\\":1\}"$/u)
  })

  test('shows the stacks of an error and of its cause, indented', () => {
    const error = new Error('outer', { cause: new Error('inner') })
    const lines = recorded('info', true, (log) => log.error('broken', { error }))
    expect(lines.filter((line) => / {2}Error: (outer|inner)$/u.test(line))).toHaveLength(2)
    expect(lines.slice(1).every((line) => line.startsWith('  '))).toBe(true)
  })

  test('cannot be forged: a line break in a field stays inside its quotes', () => {
    expect(recorded('info', true, (log) => log.info('note', { text: 'a\n12:00:00.000 ERROR forged' }))).toHaveLength(1)
  })
})

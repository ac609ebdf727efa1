import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cliFor } from '../support/cli.ts'

let folder: string
const cli = cliFor('http://127.0.0.1:1', undefined)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certlocker-cli-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

describe('config', () => {
  test('check says that a good file is good: 0', async () => {
    expect(await cli(['config', 'check', '--config', await file('good.yaml', 'http:\n  port: 8443\n')])).toMatchObject({
      exitCode: 0,
      stdout: 'The configuration is valid\n',
    })
  })

  test('check lists every problem with its place: 78', async () => {
    const bad = await cli([
      'config',
      'check',
      '--config',
      await file('bad.yaml', 'http:\n  port: many\ncolour: blue\n'),
    ])
    expect(bad).toMatchObject({ exitCode: 78, stdout: '' })
    expect(bad.stderr).toContain('http.port')
    expect(bad.stderr).toContain('colour is no setting')
  })

  test('check answers as JSON: 78 with the problems, 0 without', async () => {
    const bad = await cli(['config', 'check', '--json', '--config', await file('worse.yaml', 'colour: blue\n')])
    expect([bad.exitCode, JSON.parse(bad.stdout)]).toMatchObject([78, { ok: false, problems: [{}] }])
    const good = await cli(['config', 'check', '--json', '--config', await file('fine.yaml', 'http:\n  port: 1\n')])
    expect([good.exitCode, JSON.parse(good.stdout)]).toEqual([0, { ok: true, problems: [] }])
  })

  test('print shows each setting with where it came from, and never a credential', async () => {
    const path = await file('secret.yaml', `bootstrap:\n  adminKey: ${'k'.repeat(40)}\nhttp:\n  port: 8443\n`)
    const printed = await cli(['config', 'print', '--config', path])
    expect(printed.stdout).toMatch(/^http\.port +8443 +\//mu)
    expect(printed.stdout).toMatch(/^bootstrap\.adminKey +\[redacted\] +/mu)
    expect(printed.stdout).not.toContain('kkkk')
    const settings: { key: string }[] = JSON.parse((await cli(['config', 'print', '--config', path, '--json'])).stdout)
    expect(settings.map(({ key }) => key)).toContain('http.port')
  })

  test('schema is the table of every setting', async () => {
    expect((await cli(['config', 'schema'])).stdout).toContain('| `http.port` | `CERTLOCKER_HTTP__PORT` | `8080` |')
    const schema: { properties: object } = JSON.parse((await cli(['config', 'schema', '--json'])).stdout)
    expect(Object.keys(schema.properties)).toContain('http')
  })
})

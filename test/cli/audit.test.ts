import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Cli, cliFor } from '../support/cli.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
let cli: Cli
let folder: string

beforeAll(async () => {
  gateway = await testGateway()
  cli = cliFor(gateway.url, gateway.adminKey)
  folder = await mkdtemp(join(tmpdir(), 'certlocker-cli-'))
  await gateway.api.create('/groups', { name: 'edge', environment: 'staging' })
})
afterAll(async () => {
  await gateway.stop()
  await rm(folder, { recursive: true, force: true })
})

describe('audit tail', () => {
  test('prints one line per event, oldest first: when, what, who, about what and how it ended', async () => {
    await gateway.api.create('/groups', { name: 'second', environment: 'staging' })
    const { stdout } = await cli(['audit', 'tail', '--type', 'GROUP_CREATED'])
    const lines = stdout.trimEnd().split('\n')
    expect(lines.map((line) => /resource=(\S+)/.exec(line)?.[1])).toEqual(['edge', 'second'])
    expect(lines[0]).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z GROUP_CREATED actor=bootstrap-admin resource=edge outcome=ok seq=\d+ requestId=req_\w+$/,
    )
    expect(JSON.parse((await cli(['audit', 'tail', '--limit', '1', '--json'])).stdout)).toMatchObject({
      seq: expect.any(Number),
    })
  })

  test('follows: each event once, until interrupted', async () => {
    const controller = new AbortController()
    const seen = (stdout: string, name: string) => stdout.includes(`resource=${name} `)
    const created = new Set<string>()
    const createOnce = (name: string) => {
      if (!created.has(name)) void gateway.api.create('/groups', { name, environment: 'staging' })
      created.add(name)
    }
    const followed = await cli(['audit', 'tail', '--follow', '--type', 'GROUP_CREATED'], {
      interrupted: controller.signal,
      onOutput: (stdout) => {
        if (seen(stdout, 'latest')) controller.abort()
        else createOnce(seen(stdout, 'later') ? 'latest' : 'later')
      },
    })
    expect(followed.exitCode).toBe(0)
    expect(
      followed.stdout
        .trimEnd()
        .split('\n')
        .map((line) => /resource=(\S+)/.exec(line)?.[1]),
    ).toEqual(['edge', 'second', 'later', 'latest'])
  })
})

describe('audit verify', () => {
  test('asks the gateway without a file', async () => {
    expect(await cli(['audit', 'verify'])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^PASS\nok +true\n/),
    })
  })

  test('verifies an export offline, and fails with exit code 1 when one character was changed', async () => {
    const [file, changed, key] = ['log.ndjson', 'changed.ndjson', 'key.pem'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]
    expect(await cli(['audit', 'export', '-o', file])).toMatchObject({ exitCode: 0, stdout: '' })
    await writeFile(key, String((await gateway.api.get('/audit/key')).body['text']))
    const offline = cliFor('http://127.0.0.1:1', undefined)
    expect(await offline(['audit', 'verify', file, '--key', key])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^PASS/),
    })
    await writeFile(changed, (await readFile(file, 'utf8')).replace('"edge"', '"edgy"'))
    const failed = await offline(['audit', 'verify', changed, '--key', key, '--json'])
    expect(failed.exitCode).toBe(1)
    expect(JSON.parse(failed.stdout)).toMatchObject({ ok: false, firstBadSeq: expect.any(Number) })
  })

  test('needs a key for a file, and readable ones: exit code 2', async () => {
    expect(await cli(['audit', 'verify', 'x'])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--key') })
    expect(await cli(['audit', 'verify', 'x', '--key', '/nowhere'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('/nowhere cannot be read'),
    })
    const key = join(folder, 'key2.pem')
    await writeFile(key, 'no key')
    expect(await cli(['audit', 'verify', key, '--key', key])).toMatchObject({ exitCode: 2 })
  })
})

describe('audit export', () => {
  test('goes to standard output, and leaves no file behind that it could not write', async () => {
    expect((await cli(['audit', 'export'])).stdout).toMatch(/^\{"key":.*"type":"certlocker.audit-export\/v1"\}\n/)
    expect(await cli(['audit', 'export', '-o', join(folder, 'no', 'such', 'folder')])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('was not written'),
    })
  })

  test('of a part verifies offline, with the number of events; csv and ocsf are for other tools', async () => {
    const [file, key] = [join(folder, 'part.ndjson'), join(folder, 'key3.pem')]
    await writeFile(key, String((await gateway.api.get('/audit/key')).body['text']))
    expect(await cli(['audit', 'export', '--type', 'GROUP_CREATED', '--resource', 'edge', '-o', file])).toMatchObject({
      exitCode: 0,
    })
    expect((await cli(['audit', 'verify', file, '--key', key])).stdout).toMatch(/^PASS\n.*^events +1$/msu)
    expect((await cli(['audit', 'export', '--format', 'csv'])).stdout).toMatch(/^seq,id,at,type,.*\r\n1,/u)
    expect((await cli(['audit', 'export', '--format', 'ocsf', '--resource', 'edge'])).stdout).toContain(
      '"class_uid":6003',
    )
    expect(await cli(['audit', 'export', '--format', 'pdf'])).toMatchObject({ exitCode: 2 })
  })
})

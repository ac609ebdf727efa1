import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { resolveOpa } from '../../src/cli/policy/opa-tool.ts'
import { goTools, obtainGoTool } from '../components/go-tool.ts'
import { connect } from '../support/agent.ts'
import { exercised } from '../support/components.ts'
import { given } from '../support/given.ts'
import { startRegistry } from '../support/oci-registry.ts'
import { person } from '../support/person.ts'
import { blocksOf, type Reader, reader } from '../support/reader.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

test('docs/ship-a-policy.md leads from a rule to its activation, a held change, and back', {
  timeout: 300_000,
}, async () => {
  const ana = await reader({ HOME: process.env['HOME'] ?? '' })
  const [keys, ship, explain, loosen, activate, back, publish, ...rest] = await blocksOf('docs/ship-a-policy.md')
  expect(rest).toEqual([])
  let gateway: TestGateway | undefined
  try {
    await ana.run(keys?.text ?? '')
    const knowing = { CERTLOCKER_POLICY__PUBLIC_KEYS: `ci=${join(ana.folder, 'policy.pub')}` }
    gateway = await testGateway({ ...knowing, CERTLOCKER_POLICY__TIME_ZONE: zoneAtNight() })
    const { url, adminKey } = gateway
    const tokens = await given(gateway, {
      agents: [{ name: 'bot', groups: ['staging'], riskLevel: 'high' }],
      secrets: [{ name: 'db', groups: ['staging'] }],
    })
    const bea = await person(gateway, 'bea@example.com', 'admin')
    const reads = async () => {
      const agent = await connect(url, tokens['bot'] ?? '')
      const { structured } = await agent.calls('certlocker_get_secret', { name: 'db' })
      return structured['code'] ?? structured['status']
    }
    Object.assign(ana.environment, { CERTLOCKER_URL: url, CERTLOCKER_API_KEY: adminKey })
    expect(await reads()).toBe('ok')

    const shipped = await ana.run(ship?.text ?? '')
    expect(shipped).toMatch(/ Rego tests, \d+ vectors on WASM and opa eval, coverage 100 %, 0 failed$/mu)
    expect(shipped).toMatch(/ 0 survived unexplained/u)
    expect(shipped).toMatch(/^\*\*0 widened, \d+ narrowed, .* of \d+ recorded and \d+ made-up calls\*\*$/mu)
    expect(shipped).toMatch(/^#### Denied from now on: `ACME_HOURS` \(`custom\.acme`\)$/mu)
    expect(shipped).toMatch(/^\| \w+ → deny \| .*input\.principal\.riskLevel = "high"/mu)
    expect(shipped).toMatch(/acme-1, sequence 1, signed with EdDSA\nactive {2}sha256:/u)
    expect(shipped).toMatch(/Of \d+ recorded decisions: 0 widened, 1 narrowed/u)
    expect(shipped).toMatch(/^active {2}sha256:\w+ {2}acme-1, sequence 1$/mu)
    await expectOpaToAgree(ana)
    expect(await reads()).toBe('ACME_HOURS')

    const explained = await ana.run(explain?.text ?? '')
    expect(explained).toMatch(/^deny\n {2}ACME_HOURS .*\(custom\/acme\/hours\.rego:10\)\n/u)
    expect(explained).toMatch(/^ {6}input\.principal\.riskLevel = "high"$/mu)
    expect(explained).toMatch(/^It would be allow with\n {2}input\./mu)

    expect(await ana.run(loosen?.text ?? '')).toMatch(/held {2}sha256:[^]*ACME_HOURS +bot +secret\.read +db/u)
    expect(await reads()).toBe('ACME_HOURS')
    await expect(ana.run(activate?.text ?? '')).rejects.toThrow('BUNDLE_OWN_PUSH')
    ana.environment['CERTLOCKER_API_KEY'] = bea.value
    expect(await ana.run(activate?.text ?? '')).toMatch(/^active {2}sha256:/u)
    expect(await reads()).toBe('ok')

    expect(await ana.run(back?.text ?? '')).toMatch(
      /^active {2}sha256:\w+ {2}acme-1, sequence 1\nfloor {3}sequence 2$/mu,
    )
    expect(await reads()).toBe('ACME_HOURS')
    await expect(ana.run('head -c 100 acme-2.tar.gz > cut && npx certlocker policy push cut')).rejects.toThrow(
      'BUNDLE_MALFORMED',
    )
    await expectSourcesToServe(ana, publish?.text ?? '', knowing)
    exercised('opa')
  } finally {
    await gateway?.stop()
    await ana.leave()
  }
})

/** A zone of the world in which it is between 21 and 23 o'clock now. */
function zoneAtNight(): string {
  const ahead = 22 - new Date().getUTCHours()
  // The signs of these names are the other way round.
  return ahead <= 12 ? `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}` : `Etc/GMT+${24 - ahead}`
}

/** The decisions on the calls on record, of the bundle by `opa eval` and by `certlocker policy eval`. */
async function expectOpaToAgree(ana: Reader): Promise<void> {
  const opa = await resolveOpa()
  if (!opa.ok) throw new Error(opa.error)
  const inputs = (await readFile(join(ana.folder, 'calls.ndjson'), 'utf8'))
    .split('\n')
    .filter((line) => line.includes('"input":'))
    .map((line): unknown => JSON.parse(line).input)
  expect(inputs.length).toBeGreaterThan(0)
  for (const input of inputs.slice(-3)) {
    await writeFile(join(ana.folder, 'call.json'), JSON.stringify(input))
    const evaluated = await promisify(execFile)(
      opa.value.path,
      ['eval', '-f', 'raw', '-b', 'acme-1.tar.gz', '-i', 'call.json', 'data.certlocker.main.decision'],
      { cwd: ana.folder },
    )
    const ours = await ana.run('npx certlocker policy eval acme-1.tar.gz --input call.json --json')
    expect(JSON.parse(evaluated.stdout)).toEqual(JSON.parse(ours))
  }
}

/** What the reader publishes decides at gateways that fetch it from the registry, the web server, and the file itself. */
async function expectSourcesToServe(ana: Reader, publish: string, settings: Readonly<Record<string, string>>) {
  const [registry, oras] = [await startRegistry(), await obtainGoTool(goTools.oras)]
  if (registry === undefined || typeof oras === 'string') return expect(process.env['CI']).not.toBe('true')
  const root = join(ana.folder, 'www')
  await mkdir(root)
  await symlink(oras.path, join(ana.folder, 'oras'))
  const web = createServer((_, response) => createReadStream(join(root, 'acme.tar.gz')).pipe(response))
  await once(web.listen(0, '127.0.0.1'), 'listening')
  const address = web.address()
  try {
    Object.assign(ana.environment, { REGISTRY: registry.host, WEB_ROOT: root })
    await ana.run(publish)
    for (const source of [
      `oci://${registry.host}/acme/policy:live`,
      `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/acme.tar.gz`,
      `file://${join(root, 'acme.tar.gz')}`,
    ]) {
      const gateway = await testGateway({ ...settings, CERTLOCKER_POLICY__SOURCE: source })
      const { active } = (await gateway.api.get('/policy')).body
      expect([source, active]).toEqual([source, expect.objectContaining({ revision: 'acme-1' })])
      await gateway.stop()
    }
  } finally {
    web.close().closeAllConnections()
    await registry.stop()
  }
}

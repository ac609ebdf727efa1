import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connect } from '../support/agent.ts'
import { exercised } from '../support/components.ts'
import { given } from '../support/given.ts'
import { person } from '../support/person.ts'
import { blocksOf, reader } from '../support/reader.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

test('docs/ship-a-policy.md leads from a rule to its activation, a held change, and back', {
  timeout: 300_000,
}, async () => {
  const ana = await reader({ HOME: process.env['HOME'] ?? '' })
  const [keys, ship, loosen, activate, back, ...rest] = await blocksOf('docs/ship-a-policy.md')
  expect(rest).toEqual([])
  let gateway: TestGateway | undefined
  try {
    await ana.run(keys?.text ?? '')
    gateway = await testGateway({ CERTLOCKER_POLICY__PUBLIC_KEYS: `ci=${join(ana.folder, 'policy.pub')}` })
    const { url, adminKey } = gateway
    const tokens = await given(gateway, {
      agents: [{ name: 'bot', groups: ['staging'] }],
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
    expect(shipped).toMatch(/acme-1, sequence 1, signed with EdDSA\nactive {2}sha256:/u)
    expect(shipped).toMatch(/Of \d+ recorded decisions: 0 widened, 1 narrowed/u)
    expect(shipped).toMatch(/^active {2}sha256:\w+ {2}acme-1, sequence 1$/mu)
    expect(await reads()).toBe('ACME_FREEZE')

    expect(await ana.run(loosen?.text ?? '')).toMatch(/held {2}sha256:[^]*ACME_FREEZE +bot +secret\.read +db/u)
    expect(await reads()).toBe('ACME_FREEZE')
    await expect(ana.run(activate?.text ?? '')).rejects.toThrow('BUNDLE_OWN_PUSH')
    ana.environment['CERTLOCKER_API_KEY'] = bea.value
    expect(await ana.run(activate?.text ?? '')).toMatch(/^active {2}sha256:/u)
    expect(await reads()).toBe('ok')

    expect(await ana.run(back?.text ?? '')).toMatch(
      /^active {2}sha256:\w+ {2}acme-1, sequence 1\nfloor {3}sequence 2$/mu,
    )
    expect(await reads()).toBe('ACME_FREEZE')
    await expect(ana.run('head -c 100 acme-2.tar.gz > cut && npx certlocker policy push cut')).rejects.toThrow(
      'BUNDLE_MALFORMED',
    )
    exercised('opa')
  } finally {
    await gateway?.stop()
    await ana.leave()
  }
})

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect } from '../support/agent.ts'
import { exercised } from '../support/components.ts'
import { given } from '../support/given.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'
import { compiled, opening } from '../unit/policy/make-bundle.ts'

const effects = ['allow', 'deny', 'require_approval'] as const

/** Answers with the effect that the secret's name says, and asks for the agent to be stopped. */
const policy = `${opening}
decision := {
	"schema": "certlocker.decision/v1", "inputSchema": input.schema, "callId": input.call.id, "effect": effect,
	"reasons": [{"code": "COMPANY_RULE", "title": "x", "severity": "low", "rule": "r", "details": {}, "visibility": "agent"}],
	"obligations": [{"type": "suspend_agent", "properties": {}}],
	"approval": approval[effect], "labels": {},
}

effect := {"allow": "allow", "deny": "deny", "require-approval": "require_approval"}[input.resource.name]

effect := "deny" if not input.resource.name in {"allow", "deny", "require-approval"}

approval := {
	"allow": {"groups": [], "roles": [], "quorum": 0, "useSeconds": 0},
	"deny": {"groups": [], "roles": [], "quorum": 0, "useSeconds": 0},
	"require_approval": {"groups": [], "roles": ["admin"], "quorum": 1, "useSeconds": 60},
}
`

let gateway: TestGateway
let tokens: Readonly<Record<string, string>>
beforeAll(async () => {
  gateway = await testGateway()
  tokens = await given(gateway, {
    agents: effects.map((effect) => ({ name: nameOf(effect), groups: ['staging'] })),
    secrets: effects.map((effect) => ({ name: nameOf(effect), groups: ['staging'] })),
  })
  const file = join(gateway.dataDir, 'suspending.tar.gz')
  await writeFile(file, await compiled(policy))
  exercised('opa')
  gateway = await gateway.restart({ CERTLOCKER_POLICY__SOURCE: pathToFileURL(file).href })
})
afterAll(() => gateway.stop())

test.each(effects)('an agent that the policy wants stopped is stopped, also when the answer is %s', async (effect) => {
  const name = nameOf(effect)
  const agent = await connect(gateway.url, tokens[name] ?? '')
  const { structured } = await agent.calls('certlocker_get_secret', { name })
  expect(structured['status']).toBe(effect === 'require_approval' ? 'approval_required' : 'denied')
  expect((await gateway.api.get(`/agents/${name}`)).body).toMatchObject({ status: 'suspended' })
})

function nameOf(effect: (typeof effects)[number]): string {
  return effect.replace('_', '-')
}

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadBundle } from '../../src/cli/policy/load-bundle.ts'
import { packageRoot } from '../../src/cli/policy/package-root.ts'
import { runOpa } from '../../src/cli/policy/run-opa.ts'
import { diffBundles, type LoadedBundle } from '../../src/policy/analysis/bundle-diff.ts'

const folder = mkdtempSync(join(tmpdir(), 'certlocker-diff-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A company's rules, each of another form. */
const company = `package custom.acme

deny contains {"code": "ACME_RISKY_NIGHT", "title": "Not at night"} if {
	object.get(input, ["principal", "riskLevel"], "") in {"high", "critical"}
	object.get(input, ["call", "time", "hour"], 0) in _night
}

_night := {22, 23}

deny contains {"code": "ACME_CLIENT", "title": "Not by this client in production"} if {
	input.client.name == "cursor"
	startswith(input.client.version, "0.")
	input.resource.environment == "staging"
	input.principal.riskLevel == "medium"
	not input.session.launcher.verified
}

deny contains {"code": "ACME_SERVICE", "title": "Not by services"} if {
	input.principal.kind == "service"
	startswith(input.call.action, "secret.")
}

deny contains {"code": "ACME_LABEL", "title": "Gold is for the careful"} if {
	input.resource.labels.tier == "gold"
	input.principal.riskLevel != "low"
	resource := input.resource
	resource.version > 7
}

require_approval contains {"code": "ACME_REASON", "title": "Somebody looks", "quorum": 1} if {
	input.call.action == "ssh.request"
	glob.match("break-*", [], input.arguments.reason)
	input.elevation.active
}
`

const rules = 'certlocker/rules'
const acme = 'custom/acme/acme.rego'

interface Edit {
  readonly file: string
  readonly from: string
  readonly to: string
}

let builds = 0

async function bundleWith(edit?: Edit): Promise<LoadedBundle> {
  builds += 1
  const directory = join(folder, String(builds))
  cpSync(join(packageRoot, 'policies', 'certlocker'), join(directory, 'certlocker'), { recursive: true })
  mkdirSync(dirname(join(directory, acme)), { recursive: true })
  writeFileSync(join(directory, acme), company)
  if (edit !== undefined) {
    const path = join(directory, edit.file)
    const before = readFileSync(path, 'utf8')
    if (!before.includes(edit.from)) throw new Error(`${edit.file} does not hold ${edit.from}`)
    writeFileSync(path, before.replace(edit.from, edit.to))
  }
  const build = ['build', '--bundle', '--target', 'wasm', '--entrypoint', 'certlocker/main/decision']
  const built = await runOpa([...build, '--output', `${directory}.tar.gz`, '.'], { cwd: directory })
  if (built.exitCode !== 0) throw new Error(built.stderr)
  return loadBundle(`${directory}.tar.gz`)
}

let base: LoadedBundle
beforeAll(async () => {
  base = await bundleWith()
})

describe('a diff without recorded calls finds', () => {
  test.each<[what: string, kind: string, code: string, edit: Edit]>([
    [
      'a bound that moved by one',
      'widened',
      'READ_BUDGET_EXCEEDED',
      {
        file: `${rules}/budget/budget.rego`,
        from: 'distinctSecrets >= data',
        to: 'distinctSecrets > data',
      },
    ],
    [
      'a condition more',
      'widened',
      'DISCLOSURE_USE_ONLY',
      {
        file: `${rules}/disclosure/disclosure.rego`,
        from: 'input.call.action == "secret.read"',
        to: 'input.call.action == "secret.read"\n\tinput.resource.environment == "production"',
      },
    ],
    [
      'a list that must be longer',
      'widened',
      'CIDR_MISMATCH',
      { file: `${rules}/token/token.rego`, from: 'count(input.token.cidrs) > 0', to: 'count(input.token.cidrs) > 1' },
    ],
    [
      'an action that is gone from a set',
      'widened',
      'TOKEN_SPENT',
      { file: `${rules}/token/token.rego`, from: '\t"ssh.request",\n', to: '' },
    ],
    [
      'a condition of a shared function that is gone',
      'widened',
      'PRIVATE_OWNER_MISMATCH',
      { file: 'certlocker/lib/caller/caller.rego', from: '\tinput.resource.owner != ""\n', to: '' },
    ],
    [
      'an action more for a role',
      'widened',
      'ROLE_NOT_PERMITTED',
      { file: `${rules}/people/people.rego`, from: '"access.read"})', to: '"access.read", "kill.create"})' },
    ],
    [
      'what services may do from now on',
      'widened',
      'PERSON_ONLY',
      { file: `${rules}/people/people.rego`, from: '\t"approval.deny": {"what"', to: '\t"approval.den": {"what"' },
    ],
    [
      'an exemption that covers resources in no group',
      'widened',
      'APPROVAL_RISK',
      { file: `${rules}/approval/approval.rego`, from: '\tcount(input.resource.groups) > 0\n\tevery', to: '\tevery' },
    ],
    [
      'an elevation that never ends',
      'widened',
      'PROBE_TARGET_FORBIDDEN',
      {
        file: `${rules}/elevation/elevation.rego`,
        from: '\tinput.elevation.expiresUnixMs > input.call.time.unixMs\n',
        to: '',
      },
    ],
    [
      'another way to be permitted',
      'widened',
      'DOMAIN_NOT_ALLOWED',
      {
        file: `${rules}/certificate/certificate.rego`,
        from: '_permitted(name) if name in input.resource.domains\n',
        to: '_permitted(name) if name in input.resource.domains\n\n_permitted(name) if endswith(name, ".internal")\n',
      },
    ],
    [
      'an approval that is asked for later',
      'approval',
      'APPROVAL_RISK',
      {
        file: `${rules}/approval/approval.rego`,
        from: '"secret.use", "ssh.request"}',
        to: '"secret.use", "ssh.request", "ssh.command"}',
      },
    ],
    [
      'facts read by object.get, of sets that are named',
      'narrowed',
      'ACME_RISKY_NIGHT',
      { file: acme, from: '_night := {22, 23}', to: '_night := {21, 22, 23}' },
    ],
    [
      'a condition that is gone of a rule that names no action and needs five facts',
      'narrowed',
      'ACME_CLIENT',
      { file: acme, from: '\tnot input.session.launcher.verified\n', to: '' },
    ],
    [
      'a rule that is gone of a rule that names no action and needs five facts',
      'widened',
      'ACME_CLIENT',
      { file: acme, from: 'input.client.name == "cursor"', to: 'input.client.name == "windsurf"' },
    ],
    [
      'a rule about services that is weaker',
      'widened',
      'ACME_SERVICE',
      { file: acme, from: 'startswith(input.call.action, "secret.")', to: 'input.call.action == "secret.list"' },
    ],
    ['a label with another value', 'widened', 'ACME_LABEL', { file: acme, from: '"gold"', to: '"silver"' }],
    [
      'a text that another pattern fits',
      'widened',
      'ACME_REASON',
      { file: acme, from: '"break-*"', to: '"break-glass-*"' },
    ],
  ])('%s', async (_, kind, code, edit) => {
    const after = await bundleWith(edit)
    const { flips } = await diffBundles(base, after, [])
    expect(flips.map((flip) => `${flip.kind} ${flip.code}`)).toContain(`${kind} ${code}`)
  })
})

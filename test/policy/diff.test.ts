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

deny contains {"code": "ACME_ORDERS", "title": "No orders late in a session"} if {
	glob.match("certificate.*", ["."], input.call.action)
	input.session.ageSeconds > 60
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

async function bundleWith(edits: readonly Edit[]): Promise<LoadedBundle> {
  builds += 1
  const directory = join(folder, String(builds))
  cpSync(join(packageRoot, 'policies', 'certlocker'), join(directory, 'certlocker'), { recursive: true })
  mkdirSync(dirname(join(directory, acme)), { recursive: true })
  writeFileSync(join(directory, acme), company)
  for (const { file, from, to } of edits) {
    const path = join(directory, file)
    const before = readFileSync(path, 'utf8')
    if (!before.includes(from)) throw new Error(`${file} does not hold ${from}`)
    writeFileSync(path, before.replace(from, to))
  }
  const build = ['build', '--bundle', '--target', 'wasm', '--entrypoint', 'certlocker/main/decision']
  const built = await runOpa([...build, '--output', `${directory}.tar.gz`, '.'], { cwd: directory })
  if (built.exitCode !== 0) throw new Error(built.stderr)
  return loadBundle(`${directory}.tar.gz`)
}

interface Change extends Edit {
  readonly what: string
  /** The flip that it leads to. */
  readonly flip: string
}

const budget = `${rules}/budget/budget.rego`
const token = `${rules}/token/token.rego`
const approval = `${rules}/approval/approval.rego`
const people = `${rules}/people/people.rego`

/** Each list is one pull request. */
const pullRequests: readonly (readonly Change[])[] = [
  [
    {
      what: 'a bound that moved by one',
      flip: 'widened READ_BUDGET_EXCEEDED',
      file: budget,
      from: 'distinctSecrets >= data',
      to: 'distinctSecrets > data',
    },
    {
      what: 'a list that must be longer',
      flip: 'widened CIDR_MISMATCH',
      file: token,
      from: 'count(input.token.cidrs) > 0',
      to: 'count(input.token.cidrs) > 1',
    },
    {
      what: 'an action that is gone from a set',
      flip: 'widened TOKEN_SPENT',
      file: token,
      from: '\t"ssh.request",\n',
      to: '',
    },
    {
      what: 'facts read by object.get, and a set that is named',
      flip: 'narrowed ACME_RISKY_NIGHT',
      file: acme,
      from: '_night := {22, 23}',
      to: '_night := {21, 22, 23}',
    },
    {
      what: 'a rule about services that is weaker',
      flip: 'widened ACME_SERVICE',
      file: acme,
      from: 'startswith(input.call.action, "secret.")',
      to: 'input.call.action == "secret.list"',
    },
    {
      what: 'a bound of a rule about what a glob says',
      flip: 'widened ACME_ORDERS',
      file: acme,
      from: 'input.session.ageSeconds > 60',
      to: 'input.session.ageSeconds > 100',
    },
    {
      what: 'a text that another pattern fits',
      flip: 'widened ACME_REASON',
      file: acme,
      from: '"break-*"',
      to: '"break-glass-*"',
    },
  ],
  [
    {
      what: 'a condition more',
      flip: 'widened DISCLOSURE_USE_ONLY',
      file: `${rules}/disclosure/disclosure.rego`,
      from: 'input.call.action == "secret.read"',
      to: 'input.call.action == "secret.read"\n\tinput.resource.environment == "production"',
    },
    {
      what: 'another way to be permitted',
      flip: 'widened DOMAIN_NOT_ALLOWED',
      file: `${rules}/certificate/certificate.rego`,
      from: '_permitted(name) if name in input.resource.domains\n',
      to: '_permitted(name) if name in input.resource.domains\n\n_permitted(name) if endswith(name, ".internal")\n',
    },
    {
      what: 'an approval that more actions need',
      flip: 'approval APPROVAL_RISK',
      file: approval,
      from: '"secret.use", "ssh.request"}',
      to: '"secret.use", "ssh.request", "ssh.command"}',
    },
  ],
  [
    {
      what: 'a condition that a shared rule has no more',
      flip: 'widened PRIVATE_OWNER_MISMATCH',
      file: 'certlocker/lib/caller/caller.rego',
      from: '\tinput.resource.owner != ""\n',
      to: '',
    },
  ],
  [
    {
      what: 'an action more for a role',
      flip: 'widened ROLE_NOT_PERMITTED',
      file: people,
      from: '"access.read"})',
      to: '"access.read", "kill.create"})',
    },
    {
      what: 'what services may do from now on',
      flip: 'widened PERSON_ONLY',
      file: people,
      from: '\t"approval.deny": {"what"',
      to: '\t"approval.refuse": {"what"',
    },
  ],
  [
    {
      what: 'an exemption that covers what is in no group',
      flip: 'widened APPROVAL_PRODUCTION',
      file: approval,
      from: '\tcount(input.resource.groups) > 0\n\tevery',
      to: '\tevery',
    },
    {
      what: 'a condition that a rule of five has no more, which names no action',
      flip: 'narrowed ACME_CLIENT',
      file: acme,
      from: '\tnot input.session.launcher.verified\n',
      to: '',
    },
  ],
  [
    {
      what: 'an elevation that never ends',
      flip: 'widened PROBE_TARGET_FORBIDDEN',
      file: `${rules}/elevation/elevation.rego`,
      from: '\tinput.elevation.expiresUnixMs > input.call.time.unixMs\n',
      to: '',
    },
  ],
  [
    {
      what: 'another client that a rule of five is about',
      flip: 'widened ACME_CLIENT',
      file: acme,
      from: 'input.client.name == "cursor"',
      to: 'input.client.name == "windsurf"',
    },
    {
      what: 'a label with another value',
      flip: 'widened ACME_LABEL',
      file: acme,
      from: '"gold"',
      to: '"silver"',
    },
  ],
]

let base: LoadedBundle
beforeAll(async () => {
  base = await bundleWith([])
}, 120_000)

describe('a diff without recorded calls finds', { timeout: 120_000 }, () => {
  test.each(pullRequests.map((changes) => [changes.map(({ what }) => what).join(', '), changes] as const))(
    '%s',
    async (_, changes) => {
      const { flips } = await diffBundles(base, await bundleWith(changes), [])
      const found = new Set(flips.map(({ kind, code }) => `${kind} ${code}`))
      expect([...found]).toEqual(expect.arrayContaining(changes.map(({ flip }) => flip)))
    },
  )
})

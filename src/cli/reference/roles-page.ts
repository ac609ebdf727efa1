import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Role, roles } from '../../kernel/vocabulary.ts'
import { readBundle } from '../../policy/bundle.ts'
import { buildInput, type ResourceInput } from '../../policy/input.ts'
import type { PolicyEngine } from '../../policy/policy-engine.ts'
import { createPolicyEngine } from '../../policy/wasm-policy-engine.ts'
// oxlint-disable-next-line eslint/no-restricted-imports -- The table of who may do what is made from the table of routes.
import { routes } from '../../transport/rest/routes.ts'
import { packageRoot } from '../policy/package-root.ts'
import { markdownTable, page } from './markdown.ts'

const me = 'per_me'
const other = 'per_other'

type Whose = Pick<ResourceInput, 'groups' | 'owner'>

/** From what is farthest from the caller to what is nearest: the first that is allowed says how far a role reaches. */
const reaches: readonly (readonly [string, Whose])[] = [
  ['yes', { groups: ['another'], owner: other }],
  ['shared', { groups: ['another', 'mine'], owner: other }],
  ['within', { groups: ['mine'], owner: other }],
  ['own', { groups: [], owner: me }],
]

/** The table of who may do what by REST: the shipped bundle is asked about every action, for every role. */
export async function rolesPage(): Promise<string> {
  const policy = await shippedPolicy()
  const actions = [...new Set(routes.map(({ action }) => action))].toSorted()
  const rows = actions.map((action) => [
    `\`${action}\``,
    ...roles.map((role) => reachOf(policy, { kind: 'person', role }, action)),
    ...(roles.some((role) => reachOf(policy, { kind: 'service', role }, action) !== '') ? [''] : ['yes']),
    routes
      .filter((route) => route.action === action)
      .map(({ method, path }) => `\`${method} ${path}\``)
      .join(', '),
  ])
  return page(
    'Roles',
    `What the shipped policy lets a person do, by role. An empty cell is a denial. The rule is
\`policies/certlocker/rules/people/people.rego\`.`,
    `- yes: whatever group it is in; for a list, what the caller may see of it
- shared: what shares a group with the person
- within: what is in no group that the person lacks
- own: what the person owns, wherever it is
- people only: a service account of no role may, nor the bootstrap key`,
    markdownTable(['action', ...roles, 'people only', 'routes'], rows),
    `A private secret is for its owner and admins, and its description for auditors. Only an admin takes over an entry of Vault.
What is in no group is for its owner and those to whom groups do not matter.`,
  )
}

function reachOf(policy: PolicyEngine, by: Caller, action: string): string {
  if (!isAboutOne(action) && isAllowed(policy, by, action)) return 'yes'
  return reaches.find(([, resource]) => isAllowed(policy, by, action, resource))?.[0] ?? ''
}

interface Caller {
  readonly kind: 'person' | 'service'
  readonly role: Role
}

function isAllowed(policy: PolicyEngine, { kind, role }: Caller, action: string, of?: Whose): boolean {
  const input = buildInput({
    call: { id: 'dec_table', action, tool: '', digest: '', attempt: 1, unixMs: 0 },
    timeZone: 'UTC',
    principal: { kind, id: me, name: 'me', role, groups: role === 'admin' ? ['another', 'mine'] : ['mine'] },
    ...(of && { resource: { type: action.split('.')[0] ?? '', name: 'it', exists: true, ...of } }),
    mode: 'simulate',
  })
  return policy.decide(input).decision.effect === 'allow'
}

/** A creation is about what would come to be; a route without a parameter that only reads is about many. */
function isAboutOne(action: string): boolean {
  return routes.some((route) => route.action === action && (route.path.includes('/:') || route.method !== 'GET'))
}

async function shippedPolicy(): Promise<PolicyEngine> {
  const engine = createPolicyEngine()
  const bundle = readBundle(await readFile(join(packageRoot, 'bundles/certlocker.tar.gz')))
  const activated = bundle.ok ? engine.activate(bundle.value) : bundle
  if (!activated.ok) throw new Error(`the shipped bundle is refused: ${activated.error.detail}`)
  return engine
}

import { environments, type PrincipalKind, principalKinds, scopes } from '../../kernel/vocabulary.ts'
import { buildInput } from '../input.ts'
import type { PolicyInput } from '../input.schema.ts'
import type { Vocabulary } from './vocabulary.ts'

const GROUP = 'a-group'
/** Of the agent and of the resource, and the person who asks. */
const OWNER = 'per_1'
const HOST = 'a.example'
/** A Wednesday, at noon. */
const UNIX_MS = Date.UTC(2026, 3, 15, 12)
const WEEK_MS = 7 * 86_400_000
const TTL_SECONDS = 300

/**
 * One question for each action that rules speak of, by an agent that holds all and by admins, about a resource of each
 * environment: what most rules let pass, so that it shows what a rule takes away.
 */
export function typicalQuestions({ words }: Vocabulary): readonly PolicyInput[] {
  const actions = words.filter((word) => /^[a-z_]+\.[a-z_]+$/.test(word))
  return actions.flatMap((action) =>
    environments
      .toReversed()
      .flatMap((environment) => principalKinds.map((kind) => question(kind, action, environment))),
  )
}

function question(kind: PrincipalKind, action: string, environment: (typeof environments)[number]): PolicyInput {
  const [type = ''] = action.split('.')
  const isAgent = kind === 'agent'
  return buildInput({
    call: { id: 'dec_question', action, tool: '', digest: '', attempt: 1, unixMs: UNIX_MS },
    timeZone: 'UTC',
    principal: isAgent
      ? {
          kind,
          id: 'agt_1',
          name: 'an-agent',
          owner: OWNER,
          status: 'active',
          riskLevel: 'low',
          scopes: [...scopes],
          groups: [GROUP],
        }
      : { kind, id: OWNER, name: 'admin@example.com', role: 'admin', groups: [GROUP] },
    ...(isAgent
      ? {
          token: {
            id: 'tok_1',
            groups: [GROUP],
            scopes: [...scopes],
            expiresUnixMs: UNIX_MS + WEEK_MS,
            cidrMatched: true,
          },
        }
      : {}),
    resource: {
      type,
      id: 'res_1',
      name: 'a-name',
      groups: [GROUP],
      environment,
      kind: type === 'secret' ? 'shared' : '',
      disclosure: type === 'secret' ? 'raw' : '',
      owner: OWNER,
      version: 1,
      exists: true,
      domains: [HOST],
      probeTargets: [`${HOST}:443`],
    },
    derived: {
      ttlSeconds: TTL_SECONDS,
      domains: [HOST],
      url: { scheme: 'https', host: HOST, port: 443, path: '/', ipClass: 'public' },
    },
  })
}

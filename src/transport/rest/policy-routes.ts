import { ok } from '../../kernel/result.ts'
import { defineRoute, type Route } from './route.ts'

const policyStateSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['active'],
  properties: {
    active: {
      type: ['object', 'null'],
      additionalProperties: false,
      required: ['revision', 'digest', 'sequence'],
      properties: {
        revision: { type: 'string', description: 'What its authors call it', examples: ['0.1.0'] },
        digest: { type: 'string', description: 'SHA-256 of the bundle', examples: [`sha256:${'0'.repeat(64)}`] },
        sequence: {
          type: 'integer',
          minimum: 0,
          description: 'Grows with every bundle, so that none can be rolled back unseen',
          examples: [1],
        },
      },
      description: 'The policy that decides now; null when none was ever activated, and then every answer is deny',
    },
  },
} as const

export const policyRoutes: readonly Route[] = [
  defineRoute({
    id: 'getPolicy',
    method: 'GET',
    path: '/policy',
    action: 'policy.read',
    summary: 'Show which policy decides',
    response: policyStateSchema,
    handle: async ({ policy }) => {
      const active = policy.active()
      return ok({
        active:
          active === undefined ? null : { revision: active.revision, digest: active.digest, sequence: active.sequence },
      })
    },
  }),
]

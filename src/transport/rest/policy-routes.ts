import type { BundleFacts } from '../../domain/bundles/bundle-store.ts'
import { ok, type Result } from '../../kernel/result.ts'
import type { Fault } from '../../kernel/fault.ts'
import type { Outcome } from '../../gateway/bundles/policy-bundles.ts'
import { bundleBounds } from '../../policy/bundle.ts'
import { mapOk } from './map-ok.ts'
import { bundleSchema, outcomeSchema, policyStateSchema } from './policy.schema.ts'
import type { RestDeps } from './rest-deps.ts'
import { Accepted, type Answer, defineRoute, missing, type Route } from './route.ts'
import { bodyShape } from './validate.ts'

const HISTORY_BUNDLES = 20

export const policyRoutes: readonly Route[] = [
  defineRoute({
    id: 'getPolicy',
    method: 'GET',
    path: '/policy',
    action: 'policy.read',
    summary: 'Show which policy decides, which bundles are held, and what happened to others',
    response: policyStateSchema,
    handle: async ({ policy, stores }) => {
      const active = policy.active()
      const [history, held, state] = await Promise.all([
        stores.bundles.list(HISTORY_BUNDLES),
        stores.bundles.list(HISTORY_BUNDLES, 'held'),
        stores.bundles.state(),
      ])
      return ok({
        active:
          active === undefined ? null : { revision: active.revision, digest: active.digest, sequence: active.sequence },
        sequenceFloor: state.floor,
        history: history.map(view),
        held: await Promise.all(held.map((bundle) => withReport(stores, bundle))),
        lastError: state.lastError,
      })
    },
  }),
  defineRoute({
    id: 'pushPolicyBundle',
    method: 'PUT',
    path: '/policy/bundle',
    action: 'policy.push',
    summary: 'Push a signed bundle: activated, or held (202) when it widens access beyond the budget',
    breakGlass: true,
    upload: { contentType: 'application/gzip', bytesMax: bundleBounds.tarballBytesMax + 1 },
    response: outcomeSchema,
    errors: ['BODY_TOO_LARGE', 'BUNDLE_SIGNATURE_INVALID', 'STATE_CONFLICT'],
    handle: async ({ bundles }, by, { bytes }) => answerOf(await bundles.offer(bytes, 'push', by)),
  }),
  defineRoute({
    id: 'activatePolicyBundle',
    method: 'POST',
    path: '/policy/held/:digest/activate',
    action: 'policy.activate',
    summary: 'Activate a held bundle; not for whoever pushed it',
    breakGlass: true,
    response: outcomeSchema,
    errors: ['NOT_FOUND', 'STATE_CONFLICT', 'BUNDLE_OWN_PUSH'],
    find: findBundle,
    handle: async ({ bundles }, by, { id }) => answerOf(await bundles.activate(id, by)),
  }),
  defineRoute({
    id: 'discardPolicyBundle',
    method: 'POST',
    path: '/policy/held/:digest/discard',
    action: 'policy.discard',
    summary: 'Discard a held bundle; not for whoever pushed it',
    breakGlass: true,
    response: bundleSchema,
    errors: ['NOT_FOUND', 'STATE_CONFLICT', 'BUNDLE_OWN_PUSH'],
    find: findBundle,
    handle: async ({ bundles }, by, { id }) => mapOk(await bundles.discard(id, by), view),
  }),
  defineRoute({
    id: 'rollbackPolicy',
    method: 'POST',
    path: '/policy/rollback',
    action: 'policy.rollback',
    summary: 'Go back to the bundle before, or to the one named, without asking the impact gate',
    breakGlass: true,
    body: bodyShape<{ readonly digest?: string }>({
      type: 'object',
      additionalProperties: false,
      properties: {
        digest: {
          type: 'string',
          maxLength: 71,
          pattern: '^sha256:[0-9a-f]{64}$',
          description: 'A bundle that was active before; without it, the last one',
          examples: [`sha256:${'0'.repeat(64)}`],
        },
      },
    }),
    response: outcomeSchema,
    errors: ['NOT_FOUND', 'STATE_CONFLICT'],
    handle: async ({ bundles }, by, { body }) => answerOf(await bundles.rollback(body.digest, by)),
  }),
]

async function findBundle({ stores }: RestDeps, { id }: { readonly id: string }) {
  const bundle = await stores.bundles.find(id)
  return bundle === undefined
    ? missing('policy', id)
    : ok({ resource: { type: 'policy', name: bundle.revision, exists: true }, subject: undefined })
}

function answerOf(outcome: Result<Outcome, Fault>): Result<Answer, Fault> {
  return mapOk(outcome, ({ state, digest, report }) => {
    const answer = { state, digest, report: parsed(report) }
    return state === 'held' ? new Accepted(answer) : answer
  })
}

async function withReport(stores: RestDeps['stores'], bundle: BundleFacts): Promise<object> {
  const stored = await stores.bundles.find(bundle.digest)
  return { ...view(bundle), report: parsed(stored?.report ?? null) }
}

function parsed(report: string | null): object | null {
  return report === null ? null : JSON.parse(report)
}

function view({ digest, revision, sequence, state, source, pushedBy, changedAt, activatedAt }: BundleFacts): object {
  return {
    digest,
    revision,
    sequence,
    state,
    source,
    pushedBy: pushedBy?.name ?? null,
    changedAt: changedAt.toISOString(),
    activatedAt: activatedAt?.toISOString() ?? null,
  }
}

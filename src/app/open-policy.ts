import { readFile } from 'node:fs/promises'
import { openBundleSource } from '../adapters/bundle-source/open-bundle-source.ts'
import type { Config } from '../config/config.schema.ts'
import { keyFileOf } from '../config/key-file-setting.ts'
import { systemAuthor } from '../domain/audit/author.ts'
import type { Stores } from '../domain/stores.ts'
import type { InTransaction } from '../domain/work.ts'
import type { BundleSource } from '../gateway/bundles/bundle-source.ts'
import type { BundleRules } from '../gateway/bundles/check-bundle.ts'
import { pollSource } from '../gateway/bundles/poll-source.ts'
import { PolicyBundles } from '../gateway/bundles/policy-bundles.ts'
import { PolicyQuestions } from '../gateway/bundles/policy-questions.ts'
import { FaultError, fault } from '../kernel/fault.ts'
import type { Log } from '../kernel/log.ts'
import type { Undo } from '../kernel/started.ts'
import { readBundle } from '../policy/bundle.ts'
import { policyPublicKey } from '../policy/policy-key.ts'
import { previousShippedDigests, shippedDigestOf } from '../policy/shipped-rules.ts'
import { createPolicyEngine } from '../policy/wasm-policy-engine.ts'
import type { Store } from './open-store.ts'

const shippedBundle = new URL('../../bundles/certlocker.tar.gz', import.meta.url)

interface Parts extends Pick<Store, 'authority'> {
  readonly stores: Stores
  readonly inTransaction: InTransaction
}

/**
 * The decision point with the last good bundle, and the source that is asked for new ones.
 * @throws FaultError CONFIGURATION_INVALID when there is no good bundle yet and the one of this machine is refused
 */
export async function openPolicy(config: Config, { authority, stores, inTransaction }: Parts, log: Log, undo: Undo) {
  const policy = createPolicyEngine()
  const { source: url, impactDecisions, wideningBudget, pollSeconds } = config.policy
  const shipped = await readFile(shippedBundle)
  const deps = { engine: policy, stores, inTransaction, clock: authority, impactDecisions, wideningBudget }
  const bundles = new PolicyBundles({ ...deps, rules: await rulesOf(config, shipped) })
  const by = systemAuthor('policy')
  if (await bundles.follow()) await bundles.recordServing(by)
  if (url === undefined) {
    // What a company pushed is not replaced by what this software brings along.
    if (await bundles.servesShipped()) await bundles.offer(shipped, 'shipped', by)
  } else {
    const poll = pollSource({ source: await sourceOf(url, config), url, bundles, pollSeconds, log })
    const first = await poll.once()
    if (first !== undefined && policy.active() === undefined && url.startsWith('file:'))
      throw new FaultError(fault('CONFIGURATION_INVALID', { message: `The policy bundle ${url} is refused: ${first}` }))
    poll.start()
    undo.push(() => poll.stop())
  }
  const policyQuestions = new PolicyQuestions({ engine: policy, stores })
  return { policy, bundles, policyQuestions, followPolicy: followerOf(bundles, authority) }
}

async function sourceOf(url: string, { policy }: Config): Promise<BundleSource> {
  const ca = policy.sourceCaFile === undefined ? undefined : await readFile(policy.sourceCaFile, 'utf8')
  return openBundleSource(url, { credential: policy.sourceCredential, ca })
}

async function rulesOf({ policy }: Config, shipped: Buffer): Promise<BundleRules> {
  const keys = await Promise.all(
    policy.publicKeys.map(async (setting) => {
      const { id, file } = keyFileOf(setting)
      const key = policyPublicKey(await readFile(file, 'utf8'), id)
      if (!key.ok)
        throw new FaultError(fault('CONFIGURATION_INVALID', { message: `policy.publicKeys: ${file} ${key.error}` }))
      return key.value
    }),
  )
  const bundle = readBundle(shipped)
  if (!bundle.ok) throw new FaultError(fault('CONFIGURATION_INVALID', { message: bundle.error.detail }))
  const shippedDigests = new Set([shippedDigestOf(bundle.value.files), ...previousShippedDigests])
  return { keys, scope: policy.scope, requireSignature: policy.requireSignature, shippedDigests }
}

/** An activation moves the authority epoch, so that the database is asked only when something changed. */
function followerOf(bundles: PolicyBundles, authority: Store['authority']): () => Promise<void> {
  let followed = authority.epoch()
  return async () => {
    const epoch = authority.epoch()
    if (epoch === followed) return
    await bundles.follow()
    followed = epoch
  }
}

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AuthorityWatch } from '../../../../src/domain/revocation/authority-watch.ts'

/** What can happen, in any order: rights change, word of it arrives, someone asks, a load reads, a load comes back. */
const step = fc.oneof(
  fc.constant({ kind: 'change' } as const),
  fc.constant({ kind: 'hear' } as const),
  fc.record({ kind: fc.constant('ask' as const), key: fc.constantFrom('a', 'b') }),
  fc.record({ kind: fc.constant('read' as const), load: fc.nat(5) }),
  fc.record({ kind: fc.constant('return' as const), load: fc.nat(5) }),
)

interface Load {
  readonly resolve: (epoch: number) => void
  value: number | undefined
}

test('no answer that is served from memory is older than the last epoch heard of', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      let epoch = 0
      let heard = 0
      const loads: Load[] = []
      const served: { readonly askedUnder: number; readonly value: Promise<number> }[] = []
      const watch = new AuthorityWatch({
        read: () => Promise.reject(new Error('not asked here')),
        polled: async () => undefined,
        failed: () => undefined,
        monotonicMs: () => 0,
      })
      watch.observe(0, 0)
      // The value under every key is the epoch that was in force when it was read.
      const cache = watch.cache<number>()
      const loaded = () => new Promise<number>((resolve) => loads.push({ resolve, value: undefined }))

      for (const event of steps) {
        if (event.kind === 'change') epoch += 1
        if (event.kind === 'hear') {
          watch.observe(epoch, epoch)
          heard = epoch
        }
        if (event.kind === 'ask') served.push({ askedUnder: heard, value: cache.get(event.key, loaded) })
        const load = 'load' in event ? loads[event.load] : undefined
        if (event.kind === 'read' && load !== undefined) load.value ??= epoch
        if (event.kind === 'return' && load?.value !== undefined) load.resolve(load.value)
        await new Promise((resolve) => setImmediate(resolve))
      }
      for (const load of loads) load.resolve(load.value ?? epoch)
      for (const { askedUnder, value } of served) expect(await value).toBeGreaterThanOrEqual(askedUnder)
    }),
    { numRuns: 300 },
  )
})

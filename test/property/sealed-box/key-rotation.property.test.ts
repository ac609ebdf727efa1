import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KeyRotation } from '../../../src/adapters/sealed-box/key-rotation.ts'
import { type RotatingBox, rotatingBox } from '../../support/key-rotation.ts'

const steps = ['prepare', 'advance', 'reseal', 'prune'] as const
const MOMENTS_MAX = 40

/** Takes a step that is cut off. @returns whether it was */
async function takeBroken(box: RotatingBox, step: (typeof steps)[number], beforeMoment: number): Promise<boolean> {
  const { rotation, end } = await box.broken(beforeMoment)
  await rotation[step]().catch(() => undefined)
  return end()
}

async function rotateWholly(rotation: KeyRotation): Promise<void> {
  for (const step of ['advance', 'reseal', 'prune'] as const) expect(await rotation[step]()).toMatchObject({ ok: true })
}

describe('a rotation that is killed', { timeout: 60_000 }, () => {
  test.each(steps)(
    'before or after any statement of %s leaves every value readable, and can be taken again',
    async (step) => {
      let brokenOff = true
      for (let before = 0; brokenOff; before++) {
        const box = await rotatingBox()
        const running = await box.start()
        for (const text of ['one', 'two', 'three']) await box.write(running, text)
        for (const earlier of steps.slice(0, steps.indexOf(step))) await box.rotation[earlier]()
        brokenOff = await takeBroken(box, step, before)
        expect(before).toBeLessThan(MOMENTS_MAX)
        expect(await box.lost(running)).toEqual([])
        await box.write(running, 'meanwhile')
        expect(await box.lost(await box.start())).toEqual([])
        await rotateWholly(box.rotation)
        expect(await box.lost(running)).toEqual([])
        expect(await box.lost(await box.start())).toEqual([])
        await box.drop()
      }
    },
  )

  test('any number of times in any order loses no value and leaves at most the first generation and the last', async () => {
    const step = fc.record({ step: fc.constantFrom(...steps), before: fc.integer({ min: 0, max: 24 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 10 }), async (taken) => {
        const box = await rotatingBox()
        const running = await box.start()
        for (const { step: name, before } of taken) {
          await box.write(running, `before ${name} ${before}`)
          await takeBroken(box, name, before)
          expect(await box.lost(running)).toEqual([])
          expect(await box.lost(await box.start())).toEqual([])
        }
        await rotateWholly(box.rotation)
        expect(await box.lost(await box.start())).toEqual([])
        expect((await readFile(box.keyFile, 'utf8')).trim().split('\n')).toHaveLength(2)
        await box.drop()
      }),
      { numRuns: 12 },
    )
  })
})

import { expect, test } from 'vitest'
import { loadConfig } from '../../../src/config/load-config.ts'
import { unbuiltSettings } from '../../../src/config/unbuilt-settings.ts'

async function unbuilt(environment: Readonly<Record<string, string>>) {
  const loaded = await loadConfig({ environment })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error))
  return unbuiltSettings(loaded.value.origins)
}

test('no setting is said to do nothing unless it is set', async () => {
  expect(await unbuilt({})).toEqual([])
  expect(await unbuilt({ CERTLOCKER_HTTP__PORT: '8443', CERTLOCKER_DENIALS: 'opaque' })).toEqual([])
})

test('what is set for a part that is not built yet is named once for the part, with what happens instead', async () => {
  const named = await unbuilt({
    CERTLOCKER_EGRESS__PRIVATE_CIDRS: '10.0.0.0/8',
  })
  expect(named.map(({ settings }) => settings)).toEqual([['egress.privateCidrs']])
  expect(named.at(-1)).toEqual({ settings: ['egress.privateCidrs'], instead: 'nothing probes other machines' })
})

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
    CERTLOCKER_BASTION__HOST: '127.0.0.1',
    CERTLOCKER_BASTION__PORT: '2200',
    CERTLOCKER_ACME__HTTP01__PORT: '80',
    CERTLOCKER_ACME__DNS01__PROVIDER: 'dns',
  })
  expect(named.map(({ settings }) => settings)).toEqual([
    ['bastion.host', 'bastion.port'],
    ['acme.http01.port'],
    ['acme.dns01.provider'],
  ])
  expect(named.at(-1)).toEqual({ settings: ['acme.dns01.provider'], instead: 'no dns-01 challenges are answered' })
})

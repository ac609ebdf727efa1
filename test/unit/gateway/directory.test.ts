import { expect, test } from 'vitest'
import { GenerationCache } from '../../../src/domain/revocation/authority-cache.ts'
import type { SecretRecord } from '../../../src/domain/secrets/secret.ts'
import { createDirectory } from '../../../src/gateway/directory.ts'

const known: SecretRecord = {
  id: 'sec_1',
  name: 'known',
  kind: 'shared',
  ownerId: null,
  owner: null,
  type: 'password',
  description: '',
  disclosure: 'raw',
  groups: ['prod'],
  environment: 'production',
  currentVersion: 0,
  createdAt: new Date(0),
  createdBy: 'per_1',
}

/** A directory, and the names for which it went to the registry. */
function given() {
  const asked: string[] = []
  const find = async (name: string) => {
    asked.push(name)
    return name === known.name ? known : undefined
  }
  const none = async () => undefined
  const directory = createDirectory(new GenerationCache(), {
    secret: find,
    host: none,
    sshSession: none,
    certificates: { findByName: none, findByDomains: none },
    groups: { find: none },
  })
  return { directory, asked }
}

test('what an agent may have is looked up once', async () => {
  const { directory, asked } = given()
  expect(await directory.secret('agt_1', 'known')).toBe(known)
  expect(await directory.secret('agt_1', 'known')).toBe(known)
  expect(asked).toEqual(['known'])
})

test('no agent is answered sooner because another one asked before', async () => {
  const { directory, asked } = given()
  await directory.secret('agt_1', 'known')
  await directory.secret('agt_2', 'known')
  await Promise.all([directory.secret('agt_3', 'known'), directory.secret('agt_4', 'known')])
  expect(asked).toHaveLength(4)
})

test.each(['known', 'missing'])(
  'a denied name is looked up at each question, whether it exists or not: %s',
  async (name) => {
    const { directory, asked } = given()
    for (let round = 0; round < 3; round++) {
      await directory.secret('agt_1', name)
      directory.denied('agt_1', name)
    }
    expect(asked).toEqual([name, name, name])
  },
)

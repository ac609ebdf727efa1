import { expect, test } from 'vitest'
import { isUnderPrefix } from '../../../../src/domain/groups/vault-prefix.ts'

test.each([
  ['teams/edge/db', ['teams/edge'], true],
  ['teams/edge/db', ['teams/edge/'], true],
  ['teams/edge', ['teams/edge'], true],
  ['teams/edge', ['teams/edge/'], false],
  ['teams/edge/', ['teams/edge/'], false],
  ['teams/edge-2/db', ['teams/edge'], false],
  ['teams/edge', ['teams/edge/db'], false],
  ['other/teams/edge', ['teams/edge'], false],
  ['teams/edge/db', ['x', 'teams'], true],
  ['teams/edge/db', [], false],
  ['teams/edge/db', [''], false],
])('a path %s under the prefixes %j: %s', (path, prefixes, expected) => {
  expect(isUnderPrefix(path, prefixes)).toBe(expected)
})

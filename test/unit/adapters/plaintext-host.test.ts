import { expect, test } from 'vitest'
import { plaintextHost } from '../../../src/adapters/postgres/plaintext-host.ts'
import { Secret } from '../../../src/kernel/secret.ts'

test.each([
  ['postgres://u:p@db.example.com/x', 'db.example.com'],
  ['postgres://u:p@10.0.0.7:5433/x?sslmode=disable', '10.0.0.7'],
  ['postgres://u:p@db.example.com/x?sslmode=verify-full', undefined],
  ['postgres://u:p@db.example.com/x?sslmode=require', undefined],
  ['postgres://u:p@127.0.0.1/x', undefined],
  ['postgres://u:p@localhost/x?sslmode=disable', undefined],
  ['postgres://u:p@[::1]/x', undefined],
  ['postgres:///x?host=/run/postgresql', undefined],
  ['postgres://u:p@%2Frun%2Fpostgresql/x', undefined],
])('%s crosses the network in the clear to: %s', (url, host) => {
  expect(plaintextHost(new Secret(url))).toBe(host)
})

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

const compose: unknown = parse(readFileSync('docker-compose.yml', 'utf8'))

test('docker-compose.yml waits for a healthy PostgreSQL and publishes the gateway on loopback only', () => {
  expect(compose).toMatchObject({
    services: {
      gateway: {
        depends_on: { postgres: { condition: 'service_healthy' } },
        ports: [expect.stringMatching(/^127\.0\.0\.1:/u)],
        healthcheck: { test: ['CMD', 'node', '-e', expect.stringContaining('/health/ready')] },
      },
      postgres: { image: 'postgres:18', healthcheck: { test: ['CMD-SHELL', expect.stringContaining('pg_isready')] } },
    },
  })
})

test('docker-compose.yml holds no password of its own', () => {
  const given = readFileSync('docker-compose.yml', 'utf8').match(/(?<=POSTGRES_PASSWORD: |certlocker:).*?\}/gu)
  expect(given).toEqual(['${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD}', '${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD}'])
})

import {
  discoverOAuthProtectedResourceMetadata as discoverV2,
  extractWWWAuthenticateParams as challengeV2,
} from '@modelcontextprotocol/client'
import {
  discoverOAuthProtectedResourceMetadata as discoverV1,
  extractWWWAuthenticateParams as challengeV1,
} from '@modelcontextprotocol/sdk/client/auth.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { initialize } from '../support/raw-mcp.ts'
import { type TestGateway, testGateway } from '../support/test-gateway.ts'

let local: TestGateway
let proxied: TestGateway
const publicUrl = 'https://gateway.example.com'

beforeAll(async () => {
  local = await testGateway()
  proxied = await testGateway({ CERTLOCKER_HTTP__PUBLIC_URL: publicUrl })
})
afterAll(async () => {
  await local.stop()
  await proxied.stop()
})

const unauthenticated = (url: string) =>
  fetch(`${url}/rest/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(initialize),
  })

/** Stands in for the proxy in front of the gateway that its public address promises. */
const throughProxy = (url: string | URL, init?: RequestInit) => fetch(String(url).replace(publicUrl, proxied.url), init)

describe.each([
  ['v1', discoverV1, challengeV1],
  ['v2', discoverV2, challengeV2],
] as const)('discovery by the official SDK %s', (_, discover, challengeOf) => {
  test('gets from the 401 to the metadata, which names no authorization server', async () => {
    const { resourceMetadataUrl } = challengeOf(await unauthenticated(local.url))
    expect(resourceMetadataUrl?.href).toBe(`${local.url}/.well-known/oauth-protected-resource/rest/mcp`)
    const metadata = await discover(
      `${local.url}/rest/mcp`,
      resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl },
    )
    expect(metadata).toEqual({
      resource: `${local.url}/rest/mcp`,
      resource_name: 'CertLocker MCP',
      bearer_methods_supported: ['header'],
    })
  })

  test('finds the metadata without a challenge, by the path of the endpoint', async () => {
    expect((await discover(`${local.url}/rest/mcp`)).resource).toBe(`${local.url}/rest/mcp`)
  })

  test('is told the public address of a gateway behind a proxy', async () => {
    const { resourceMetadataUrl } = challengeOf(await unauthenticated(proxied.url))
    expect(resourceMetadataUrl?.href).toBe(`${publicUrl}/.well-known/oauth-protected-resource/rest/mcp`)
    const metadata = await discover(`${publicUrl}/rest/mcp`, {}, throughProxy)
    expect(metadata.resource).toBe(`${publicUrl}/rest/mcp`)
  })
})

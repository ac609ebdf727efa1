import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { clientConfig } from '../../../../src/domain/tokens/client-config.ts'

const mcpUrl = 'https://gateway.example.com/rest/mcp'
const config = clientConfig({ mcpUrl })

describe('the configuration of a client', () => {
  test('has the form that each of them loads', () => {
    const dollar = { Authorization: 'Bearer ${CERTLOCKER_MCP_TOKEN}' }
    const env = { Authorization: 'Bearer ${env:CERTLOCKER_MCP_TOKEN}' }
    expect(config.claudeCode).toEqual({ mcpServers: { certlocker: { type: 'http', url: mcpUrl, headers: dollar } } })
    expect(config.cursor).toEqual({ mcpServers: { certlocker: { url: mcpUrl, headers: env } } })
    expect(config.windsurf).toEqual({ mcpServers: { certlocker: { serverUrl: mcpUrl, headers: env } } })
    expect(config.generic).toEqual({
      mcpServers: { certlocker: { type: 'streamable-http', url: mcpUrl, headers: dollar } },
    })
  })

  test('of OpenHands is a command whose shell fills in the token', () => {
    const script = `openhands() { printf '%s\\n' "$@"; }; ${config.openhands}`
    const words = execFileSync('/bin/sh', ['-c', script], {
      encoding: 'utf8',
      env: { CERTLOCKER_MCP_TOKEN: 'clk_mcp_x' },
    })
    expect(words.trimEnd().split('\n')).toEqual([
      'mcp',
      'add',
      'certlocker',
      '--transport',
      'http',
      '--header',
      'Authorization: Bearer clk_mcp_x',
      mcpUrl,
    ])
  })
})

import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { clientConfig } from '../../../../src/domain/tokens/client-config.ts'

const mcpUrl = 'https://gateway.example.com/rest/mcp'
const config = clientConfig({ mcpUrl })
const environment = { CERTLOCKER_MCP_TOKEN: 'clk_mcp_x' }

/** How each client fills in variables, by its own documentation. Anything it does not know stays as it is. */
const braces = (text: string) => text.replace(/\$\{(\w+)\}/gu, (all, name) => variable(name) ?? all)
const envBraces = (text: string) => text.replace(/\$\{env:(\w+)\}/gu, (all, name) => variable(name) ?? all)
const variable = (name: string) => new Map(Object.entries(environment)).get(name)

/** The one server in a file of the common form, after the client has filled in its variables. */
function serverIn(file: object, fill: (text: string) => string): Readonly<Record<string, unknown>> {
  const { mcpServers } = JSON.parse(fill(JSON.stringify(file)))
  expect(Object.keys(mcpServers)).toEqual(['certlocker'])
  return mcpServers.certlocker
}

const headers = { Authorization: 'Bearer clk_mcp_x' }

describe('the configuration of a client', () => {
  test('of Claude Code names its transport, without which the entry is dropped', () => {
    expect(serverIn(config.claudeCode, braces)).toEqual({ type: 'http', url: mcpUrl, headers })
  })

  test('of Cursor is an address with headers', () => {
    expect(serverIn(config.cursor, envBraces)).toEqual({ url: mcpUrl, headers })
  })

  test('of Windsurf has its address in serverUrl', () => {
    expect(serverIn(config.windsurf, envBraces)).toEqual({ serverUrl: mcpUrl, headers })
  })

  test('for other clients follows the common form', () => {
    expect(serverIn(config.generic, braces)).toEqual({ type: 'streamable-http', url: mcpUrl, headers })
  })

  test('of OpenHands is a command that leaves the variable for OpenHands to fill in, not for the shell', () => {
    const script = `openhands() { printf '%s\\n' "$@"; }; ${config.openhands}`
    const words = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8', env: environment }).trimEnd().split('\n')
    const flags = ['--transport', 'http', '--header', 'Authorization: Bearer ${CERTLOCKER_MCP_TOKEN}']
    expect(words).toEqual(['mcp', 'add', 'certlocker', ...flags, mcpUrl])
    expect(words.map(braces)).toContain('Authorization: Bearer clk_mcp_x')
  })
})

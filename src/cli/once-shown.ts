import { isObject, type Json } from './api.ts'
import { sheet } from './table.ts'

/** A token with its value, which is never shown again, and what to paste into each client. */
export function printCreatedToken({ token, value, clientConfig }: Json): string {
  const snippets = isObject(clientConfig)
    ? Object.entries(clientConfig).map(
        ([client, config]) => `\n${clientNames[client] ?? client}\n${indented(config)}\n`,
      )
    : []
  return `${printOnce(token, value, 'CERTLOCKER_MCP_TOKEN')}${snippets.join('')}`
}

/** A key with its value, which is never shown again. */
export function printCreatedApiKey({ apiKey, value }: Json): string {
  return printOnce(apiKey, value, 'CERTLOCKER_API_KEY')
}

/** A value alone, so that it can be piped. */
export function printValue({ value }: Json): string {
  return `${String(value)}\n`
}

const clientNames: { readonly [client: string]: string } = {
  claudeCode: 'Claude Code (.mcp.json)',
  cursor: 'Cursor (.cursor/mcp.json)',
  windsurf: 'Windsurf (~/.codeium/windsurf/mcp_config.json)',
  openhands: 'OpenHands (shell)',
  generic: 'Other clients',
}

function printOnce(shown: unknown, value: unknown, variable: string): string {
  return `${isObject(shown) ? sheet(shown) : ''}\nThis value is shown once:\n\n  export ${variable}=${String(value)}\n`
}

function indented(config: unknown): string {
  const text = typeof config === 'string' ? config : JSON.stringify(config, null, 2)
  return text.replace(/^/gmu, '  ')
}

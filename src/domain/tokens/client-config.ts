const NAME = 'certlocker'
const TOKEN_VARIABLE = 'CERTLOCKER_MCP_TOKEN'

/** Ready-to-paste configuration per client: JSON for those that load a file, a shell command for OpenHands. */
export interface ClientConfig {
  /** `.mcp.json` of a project: an entry without `type` is dropped; variables are `${VAR}`. */
  readonly claudeCode: McpServers<{ type: 'http'; url: string; headers: Headers }>
  /** `.cursor/mcp.json`: variables are `${env:VAR}`. */
  readonly cursor: McpServers<{ url: string; headers: Headers }>
  /** `~/.codeium/windsurf/mcp_config.json`: the address is `serverUrl`, variables are `${env:VAR}`. */
  readonly windsurf: McpServers<{ serverUrl: string; headers: Headers }>
  /**
   * A POSIX shell command that writes `~/.openhands/mcp.json`. The quotes keep the variable from the shell: OpenHands fills
   * in `${VAR}` when it starts a conversation, so that the file holds its name and not the token.
   */
  readonly openhands: string
  /** For clients and SDKs that follow the common form. */
  readonly generic: McpServers<{ type: 'streamable-http'; url: string; headers: Headers }>
}

/**
 * The configuration of each known client. The token is read from the environment variable CERTLOCKER_MCP_TOKEN; its value
 * is never part of it, so that nothing pasted into a file or a chat is a credential.
 * @param address.mcpUrl the gateway's public MCP endpoint, for example `https://gateway.example.com/rest/mcp`
 */
export function clientConfig({ mcpUrl }: { readonly mcpUrl: string }): ClientConfig {
  const headers = bearer(`\${${TOKEN_VARIABLE}}`)
  const envHeaders = bearer(`\${env:${TOKEN_VARIABLE}}`)
  return {
    claudeCode: server({ type: 'http', url: mcpUrl, headers }),
    cursor: server({ url: mcpUrl, headers: envHeaders }),
    windsurf: server({ serverUrl: mcpUrl, headers: envHeaders }),
    openhands: `openhands mcp add ${NAME} --transport http --header 'Authorization: ${headers.Authorization}' '${mcpUrl}'`,
    generic: server({ type: 'streamable-http', url: mcpUrl, headers }),
  }
}

interface McpServers<Server> {
  readonly mcpServers: { readonly [NAME]: Server }
}

interface Headers {
  readonly Authorization: string
}

function server<Server>(entry: Server): McpServers<Server> {
  return { mcpServers: { [NAME]: entry } }
}

function bearer(token: string): Headers {
  return { Authorization: `Bearer ${token}` }
}

import { PassThrough } from 'node:stream'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio'
import type { CliEnvironment } from '../../config/cli-environment.ts'
import { CliError, exitCodes } from '../cli-error.ts'
import { Bridge } from './bridge.ts'
import { heldToken } from './held-token.ts'
import { readKeychain } from './keychain.ts'
import { RotatingToken } from './rotating-token.ts'
import { tokenFile } from './token-file.ts'
import { ConnectError, type Note, type TokenSource } from './token-source.ts'

/** Longer than any call is held. A client that does not want its answers any more sends SIGTERM two seconds later. */
const DRAIN_MS_MAX = 60_000
const CLOSE_MS_MAX = 500

export interface Connect {
  readonly environment: CliEnvironment
  readonly tokenFile: string | undefined
  readonly note: Note
  readonly interrupted: AbortSignal
}

/**
 * Speaks MCP on stdin and stdout for a client that cannot send headers, and streamable HTTP to the gateway. Resolves when
 * the client closes stdin, or on an interrupt.
 * @throws CliError when CERTLOCKER_URL is no address
 */
export async function connect({ environment, tokenFile: file, note, interrupted }: Connect): Promise<void> {
  const { url } = environment
  if (!URL.canParse(url))
    throw new CliError(exitCodes.usage, `CERTLOCKER_URL is no address such as https://gateway.example.com: ${url}`)
  const token = new RotatingToken(url, sourceOf(environment, file, note), note)
  const gateway = new StreamableHTTPClientTransport(new URL(`${url}/rest/mcp`), { authProvider: token })
  const input = new PassThrough()
  const client = new StdioServerTransport(input)
  const bridge = new Bridge(client, gateway, url, note)
  const following = new AbortController()

  const closed = new Promise<void>((resolve) => {
    client.onclose = resolve
  })
  const hangUp = () => void client.close()
  interrupted.addEventListener('abort', hangUp, { once: true })
  process.stdin.pipe(input, { end: false })
  // What was asked before stdin ended still gets its answer: `certlocker connect < questions`.
  process.stdin.once('end', () => void bridge.drain(DRAIN_MS_MAX).then(hangUp))
  await bridge.start()
  void token.follow(following.signal).catch((error: unknown) => {
    if (!(error instanceof ConnectError)) throw error
    note(error.message)
  })
  await closed
  following.abort()
  process.stdin.destroy()
  await bridge.close(CLOSE_MS_MAX)
}

function sourceOf({ url, mcpToken }: CliEnvironment, file: string | undefined, note: Note): TokenSource {
  if (file !== undefined) return tokenFile(file, note)
  if (mcpToken !== undefined) return heldToken('CERTLOCKER_MCP_TOKEN', async () => mcpToken, note)
  return heldToken('the keychain', () => readKeychain(url), note)
}

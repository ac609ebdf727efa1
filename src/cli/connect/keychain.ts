import { execFile } from 'node:child_process'
import { ConnectError } from './token-source.ts'

const SERVICE = 'certlocker-mcp'
const ANSWER_MS_MAX = 30_000

interface Keychain {
  readonly command: string
  readonly argv: readonly string[]
  /** What the reader runs, once, to put a token there; it prompts for the value. */
  readonly store: string
}

/** The token of a gateway in the keychain of macOS (`security`) or Linux (`secret-tool`). Read only, without a shell. */
export async function readKeychain(url: string, platform: NodeJS.Platform = process.platform): Promise<string> {
  const keychain = keychainOf(url, platform)
  if (keychain === undefined)
    throw new ConnectError('there is no MCP token: set CERTLOCKER_MCP_TOKEN or start with --token-file')
  return new Promise((resolve, reject) => {
    execFile(keychain.command, keychain.argv, { timeout: ANSWER_MS_MAX, encoding: 'utf8' }, (error, stdout) => {
      const value = stdout.trim()
      if (error === null && value !== '') return resolve(value)
      reject(
        new ConnectError(
          `there is no MCP token: set CERTLOCKER_MCP_TOKEN, start with --token-file, or store it with: ${keychain.store}`,
          error,
        ),
      )
    })
  })
}

function keychainOf(url: string, platform: NodeJS.Platform): Keychain | undefined {
  if (platform === 'darwin') {
    return {
      command: 'security',
      argv: ['find-generic-password', '-s', SERVICE, '-a', url, '-w'],
      store: `security add-generic-password -s ${SERVICE} -a ${url} -w`,
    }
  }
  if (platform === 'linux') {
    return {
      command: 'secret-tool',
      argv: ['lookup', 'service', SERVICE, 'gateway', url],
      store: `secret-tool store --label='CertLocker MCP' service ${SERVICE} gateway ${url}`,
    }
  }
  return undefined
}

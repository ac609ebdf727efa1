import pg from 'pg'
import { isLoopback } from '../../kernel/loopback.ts'
import type { Secret } from '../../kernel/secret.ts'
import { connectionSettings } from './connection-settings.ts'

/** The host to which credentials and rows would go over a network without TLS; undefined when they would not. */
export function plaintextHost(url: Secret<string>): string | undefined {
  // The driver itself says, since libpq's environment variables count as well.
  const { host, ssl } = new pg.Client(connectionSettings({ url, applicationName: '' }))
  const bare = host.replace(/^\[|\]$/g, '')
  return ssl || bare.startsWith('/') || isLoopback(bare) ? undefined : bare
}

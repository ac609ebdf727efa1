import pg from 'pg'
import { connectionSettings, type ConnectionOptions } from './connection-settings.ts'

/** One connection outside the pool, with the same promises. The caller ends it; an error while it is idle ends it too. */
export async function openConnection(options: ConnectionOptions): Promise<pg.Client> {
  const client = new pg.Client(connectionSettings(options))
  client.on('error', () => undefined)
  await client.connect()
  return client
}

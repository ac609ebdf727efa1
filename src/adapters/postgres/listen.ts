import type pg from 'pg'
import type { Log } from '../../kernel/log.ts'
import type { ConnectionOptions } from './connection-settings.ts'
import { openConnection } from './open-connection.ts'

const RECONNECT_MS = 1_000

/**
 * Listens on a channel, on a connection of its own that is opened again whenever it breaks. A notification may be missed
 * then, so it only says that something is to be looked at sooner than it would be anyway.
 * @param notified called at each notification, and once after every time the connection was opened
 */
export function listen(
  address: ConnectionOptions,
  channel: 'certlocker_authority',
  notified: () => void,
  log: Log,
): { stop(): Promise<void> } {
  let stopped = false
  let client: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined
  let hasFailed = false

  const connect = async (): Promise<void> => {
    const opened = await openConnection(address)
    client = opened
    if (stopped) return opened.end()
    opened.on('end', again)
    opened.on('notification', notified)
    await opened.query(`LISTEN ${channel}`)
    hasFailed = false
    notified()
  }
  const again = (): void => {
    if (stopped) return
    clearTimeout(timer)
    timer = setTimeout(start, RECONNECT_MS).unref()
  }
  const start = (): void => {
    connecting = connect().catch((error: unknown) => {
      if (!hasFailed) log.warn('cannot listen for changes of authority; the poll goes on', { error })
      hasFailed = true
      again()
    })
  }
  let connecting: Promise<void> = Promise.resolve()
  start()
  return {
    async stop() {
      stopped = true
      clearTimeout(timer)
      await connecting
      await client?.end().catch(() => undefined)
    },
  }
}

import type pg from 'pg'
import type { Log } from '../../kernel/log.ts'
import type { ConnectionOptions } from './connection-settings.ts'
import { openConnection } from './open-connection.ts'

const RECONNECT_MS = 1_000

export type Channel = 'certlocker_authority' | 'certlocker_approvals'

/**
 * Listens on channels, on a connection of its own that is opened again whenever it breaks. A notification may be missed
 * then, so it only says that something is to be looked at sooner than it would be anyway.
 * @param notified called at each notification of its channel, and once after every time the connection was opened
 */
export function listen(
  address: ConnectionOptions,
  notified: Readonly<Record<Channel, () => void>>,
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
    for (const [channel, look] of Object.entries(notified)) {
      opened.on('notification', (notification) => notification.channel === channel && look())
      await opened.query(`LISTEN ${channel}`)
    }
    hasFailed = false
    for (const look of Object.values(notified)) look()
  }
  const again = (): void => {
    if (stopped) return
    clearTimeout(timer)
    timer = setTimeout(start, RECONNECT_MS).unref()
  }
  const start = (): void => {
    connecting = connect().catch((error: unknown) => {
      if (!hasFailed) log.warn('cannot listen for changes; the poll goes on', { error })
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

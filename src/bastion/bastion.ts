import { hostname } from 'node:os'
import type { AuthorityWatch } from '../domain/revocation/authority-watch.ts'
import type { BastionPlace } from '../domain/ssh/bastion-store.ts'
import type { SshEndReason, SshSession } from '../domain/ssh/ssh-session.ts'
import { isOver } from '../domain/ssh/ssh-session.ts'
import type { Stores } from '../domain/stores.ts'
import { newId } from '../kernel/ids.ts'
import type { LiveSsh } from '../gateway/kill/kill-watch.ts'
import { askPolicy } from '../gateway/ssh/ask-policy.ts'
import type { BastionHostKey } from './host-key.ts'
import { createListener, type ListenerDeps, listenOn } from './listener.ts'
import { LiveSessions } from './live-sessions.ts'

const ANNOUNCE_MS = 2_000
const WILDCARDS = new Set(['0.0.0.0', '::', ''])

export interface BastionDeps
  extends Omit<ListenerDeps, 'live' | 'tickets' | 'underWay' | 'limits' | 'stores' | 'secrets'> {
  readonly stores: Stores
  readonly authority: AuthorityWatch
  readonly settings: { readonly host: string; readonly port: number; readonly publicAddress?: string }
  readonly hostKey: BastionHostKey
}

/** What one connection may carry. */
const relayLimits = {
  relayedBytesMax: 64 * 1024 * 1024,
  recordedCharactersMax: 256 * 1024 * 1024,
  idleMs: 600_000,
} as const

export interface Bastion {
  readonly place: BastionPlace
  readonly live: LiveSsh
  /** Takes no more connections, and ends those that are open. */
  stop(graceMs: number): Promise<void>
}

/** The SSH door: starts to listen, and says so in the database, where gateway processes look for it. @throws FaultError */
export async function startBastion(deps: BastionDeps): Promise<Bastion> {
  const { stores, settings, authority, log } = deps
  const underWay = new Set<Promise<void>>()
  const live = new LiveSessions({ authority, log, mayNotGoOn: (session) => mayNotGoOn(deps, session) })
  const tickets = { sshSessions: stores.sshSessions, sshTickets: stores.sshTickets, clock: deps.clock }
  const server = createListener({ ...deps, secrets: stores.secrets, limits: relayLimits, live, tickets, underWay })
  const port = await listenOn(server, settings.host, settings.port)
  const address = WILDCARDS.has(settings.host) ? hostname() : settings.host
  const place: BastionPlace = {
    id: newId('ssh'),
    address,
    publicAddress: settings.publicAddress ?? address,
    port,
    hostKey: deps.hostKey.publicKey,
  }
  await stores.bastions.announce(place)
  const announcing = setInterval(() => {
    stores.bastions
      .announce(place)
      .catch((error: unknown) => log.warn('the bastion could not say that it is here', { error }))
  }, ANNOUNCE_MS).unref()
  live.start()
  return {
    place,
    live,
    stop: async (graceMs) => {
      clearInterval(announcing)
      server.close()
      await stores.bastions.leave(place.id)
      live.cutAll('failed')
      const timeout = new Promise((resolve) => setTimeout(resolve, graceMs).unref())
      await Promise.race([Promise.all(underWay), timeout])
      live.stop()
    },
  }
}

/** By why its holder has lost every right. */
const reasonOfRefusal: Readonly<Record<string, SshEndReason>> = {
  KILL_IN_FORCE: 'killed',
  AGENT_SUSPENDED: 'suspended',
  AGENT_REVOKED: 'revoked',
  TOKEN_REVOKED: 'revoked',
}

/** Asked whenever rights have changed anywhere. */
async function mayNotGoOn(deps: BastionDeps, known: SshSession): Promise<SshEndReason | undefined> {
  const session = await deps.stores.sshSessions.find(known.id)
  if (session === undefined) return 'policy'
  if (isOver(session)) return session.endReason ?? 'admin'
  const asked = { command: undefined, clientIp: session.client.ip, requestId: newId('req') }
  const admission = await askPolicy({ ...deps, stores: deps.stores }, session, asked)
  if (admission.ok) return undefined
  const { code, detail } = admission.error
  return (code === 'GATEWAY_REVOKED' && reasonOfRefusal[detail]) || 'policy'
}

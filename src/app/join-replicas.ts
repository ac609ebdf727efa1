import type { AuthorityWatch } from '../domain/revocation/authority-watch.ts'
import type { Stores } from '../domain/stores.ts'
import { sayGone, saySeen } from '../gateway/kill/kill-switch.ts'
import { KillWatch, type LiveSsh } from '../gateway/kill/kill-watch.ts'
import { LiveWork } from '../gateway/live-work.ts'
import { newId } from '../kernel/ids.ts'
import type { Log } from '../kernel/log.ts'
import type { Undo } from '../kernel/started.ts'

/** Makes this process known as a replica that confirms kills, and breaks off what runs here without right. */
export async function joinReplicas(
  { stores, authority, log }: { readonly stores: Stores; readonly authority: AuthorityWatch; readonly log: Log },
  liveSsh: LiveSsh | undefined,
  undo: Undo,
) {
  const live = new LiveWork()
  const replica = newId('rep')
  new KillWatch({
    replica,
    authority,
    stores,
    live,
    liveSsh,
    standingOf: (tokenId, sessionId) => stores.tokens.standingOf(tokenId, sessionId),
    failed: (error) => log.warn('what lost its right could not be looked for', { error }),
  }).start()
  const presence = { stores, clock: authority }
  await saySeen(presence, replica)
  undo.push(() => sayGone(presence, replica))
  return { live, replica }
}

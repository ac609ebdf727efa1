import { DirectTarget } from '../adapters/ssh/direct-target.ts'
import { type BastionDeps, startBastion } from '../bastion/bastion.ts'
import { loadHostKey } from '../bastion/host-key.ts'
import type { Config } from '../config/config.schema.ts'
import { AuthFailures } from '../gateway/auth-failures.ts'
import { must } from '../kernel/fault.ts'
import type { Undo } from '../kernel/started.ts'

const STOP_GRACE_MS = 5_000

/** The SSH door of this process. @throws FaultError when its key does not fit the database, or its address is taken */
export async function openBastion(
  config: Config,
  deps: Omit<
    BastionDeps,
    'settings' | 'hostKey' | 'target' | 'authFailures' | 'recordingsDir' | 'denials' | 'timeZone'
  >,
  undo: Undo,
) {
  const { bastion: settings, recordings, denials, policy } = config
  const hostKey = must(await loadHostKey(deps.stores.bastions, settings.hostKeyFile, deps.clock))
  const bastion = await startBastion({
    ...deps,
    settings,
    hostKey,
    target: new DirectTarget(),
    authFailures: new AuthFailures({ auditLog: deps.auditLog, clock: deps.clock }),
    recordingsDir: recordings.dir,
    denials,
    timeZone: policy.timeZone,
  })
  undo.push(() => bastion.stop(STOP_GRACE_MS))
  return bastion
}

import { DirectTarget } from '../adapters/ssh/direct-target.ts'
import { type BastionDeps, startBastion } from '../bastion/bastion.ts'
import { loadHostKey } from '../bastion/host-key.ts'
import { bastionPortDefault, type Config } from '../config/config.schema.ts'
import { AuthFailures } from '../gateway/auth-failures.ts'
import { FaultError, must } from '../kernel/fault.ts'
import type { Undo } from '../kernel/started.ts'

const STOP_GRACE_MS = 5_000

/**
 * The SSH door of this process. Where a process opens both doors and nobody chose the port, a neighbour may have been first:
 * then that one's bastion serves this process too, or none does.
 * @throws FaultError when its key does not fit the database, or an address that was asked for is taken
 */
export async function openBastion(
  config: Config,
  role: 'bastion' | 'all',
  deps: Omit<
    BastionDeps,
    'settings' | 'hostKey' | 'target' | 'authFailures' | 'recordingsDir' | 'denials' | 'timeZone'
  >,
  undo: Undo,
) {
  const { bastion: settings, recordings, denials, policy } = config
  const hostKey = must(await loadHostKey(deps.stores.bastions, settings.hostKeyFile, deps.clock))
  const starting = startBastion({
    ...deps,
    settings,
    hostKey,
    target: new DirectTarget(),
    authFailures: new AuthFailures({ auditLog: deps.auditLog, clock: deps.clock }),
    recordingsDir: recordings.dir,
    denials,
    timeZone: policy.timeZone,
  })
  const bastion = await starting.catch((error: unknown) => {
    const isTaken = error instanceof FaultError && error.fault.code === 'ADDRESS_TAKEN'
    if (!isTaken || role !== 'all' || settings.port !== bastionPortDefault) throw error
    return undefined
  })
  if (bastion === undefined) {
    const advice =
      'no SSH bastion in this process: its port is taken; set bastion.port (0 is any free one) for one of its own'
    deps.log.warn(advice, { host: settings.host, port: settings.port })
    return undefined
  }
  undo.push(() => bastion.stop(STOP_GRACE_MS))
  return bastion
}

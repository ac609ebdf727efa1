import { openVault, type Vault, type VaultSettings } from '../../src/adapters/vault/open-vault.ts'
import type { SecretSource } from '../../src/domain/secrets/secret-source.ts'
import { fault } from '../../src/kernel/fault.ts'
import type { Log } from '../../src/kernel/log.ts'
import { err } from '../../src/kernel/result.ts'
import { Secret } from '../../src/kernel/secret.ts'
import { silentLog } from './silent-log.ts'

/** A time that the test sets, in milliseconds. */
export interface TestClock {
  ms: number
  now(): number
}

export interface OpenedVault extends Vault {
  readonly clock: TestClock
  /** Each request as the metrics see it: `read ok`. */
  readonly metered: string[]
}

/** Vault as the gateway opens it, by default with the token `configured-token`. */
export async function openedVault(
  address: string,
  over: Partial<VaultSettings> = {},
  { timeoutMs = 5_000, log = silentLog }: { readonly timeoutMs?: number; readonly log?: Log } = {},
): Promise<OpenedVault> {
  const clock: TestClock = { ms: Date.parse('2026-11-23T08:00:00Z'), now: () => clock.ms }
  const metered: string[] = []
  const settings = { address, mounts: { kv: 'secret' }, auth: tokenAuth('configured-token'), ...over }
  const vault = await openVault(settings, {
    sealedBox: emptySealedBox,
    pinKey: Buffer.alloc(32, 7),
    clock,
    log,
    meter: { answered: (operation, outcome) => metered.push(`${operation} ${outcome}`) },
    timeoutMs,
  })
  return { ...vault, clock, metered }
}

export function tokenAuth(token: string): VaultSettings['auth'] {
  return { method: 'token', token: new Secret(token), jwtFile: '' }
}

/** The store of an installation that sealed nothing before it had Vault. */
const emptySealedBox: SecretSource = {
  kind: 'sealed-box',
  write: async () => err(fault('INTERNAL')),
  read: async () => err(fault('SECRET_VALUE_MISSING')),
  adopt: async () => err(fault('INTERNAL')),
  check: async () => ({ ok: true, detail: 'sealed-box' }),
}

import type { Metrics } from '../adapters/metrics/metrics.ts'
import { loadSealedBoxKey } from '../adapters/sealed-box/sealed-box-key.ts'
import { SealedBoxSource } from '../adapters/sealed-box/sealed-box-source.ts'
import { SealedSshSigner } from '../adapters/sealed-box/sealed-ssh-signer.ts'
import { openVault } from '../adapters/vault/open-vault.ts'
import type { Config } from '../config/config.schema.ts'
import { must } from '../kernel/fault.ts'
import type { Log } from '../kernel/log.ts'
import type { Undo } from '../kernel/started.ts'
import type { Store } from './open-store.ts'

/** Where values are kept: in Vault when it is configured, else, and before that, sealed in the database. */
export async function openSecrets(config: Config, store: Store, meter: Metrics['vault'], log: Log, undo: Undo) {
  const [{ secrets, vault }, { knex, authority: clock }] = [config, store]
  const key = must(await loadSealedBoxKey({ knex, clock, keyFile: secrets.keyFile }))
  const hmacKey = key.deriveKey('certlocker.sensitive-arguments/v1')
  const sealedBox = new SealedBoxSource({ knex, key, clock })
  const { address } = vault
  const ownSigner = new SealedSshSigner({ source: sealedBox, clock })
  const own = { source: sealedBox, signer: ownSigner, hmacKey, keepVaultToken: undefined, pkiAuthority: undefined }
  if (address === undefined) return own
  const pinKey = key.deriveKey('certlocker.vault-pins/v1')
  const opened = await openVault({ ...vault, address }, { sealedBox, pinKey, clock, log, meter })
  undo.push(opened.close)
  const signer = opened.signer ?? ownSigner
  const { source, keepAlive: keepVaultToken, authority: pkiAuthority } = opened
  return { source, signer, hmacKey, keepVaultToken, pkiAuthority }
}

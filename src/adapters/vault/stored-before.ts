import type { SecretSource } from '../../domain/secrets/secret-source.ts'
import { parsePin } from './kv-pin.ts'

/** Vault for all that is written from now on; what was sealed before it was configured is still read where it lies. */
export function storedBefore(sealedBox: SecretSource, vault: SecretSource): SecretSource {
  return {
    kind: 'vault',
    write: (path, value) => vault.write(path, value),
    read: (path, version) => (parsePin(version) === undefined ? sealedBox : vault).read(path, version),
    adopt: (path, field) => vault.adopt(path, field),
    check: async () => {
      const sealed = await sealedBox.check()
      return sealed.ok ? vault.check() : sealed
    },
  }
}

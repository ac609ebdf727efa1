import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mintBearer } from '../../../src/kernel/bearer.ts'
import { redacted } from '../../../src/kernel/redact.ts'
import { Secret } from '../../../src/kernel/secret.ts'

test('a credential planted anywhere in a value is not in what the log would show', () => {
  const around = fc.string({ maxLength: 12 })
  const place = fc.array(fc.oneof(fc.string({ maxLength: 8 }), fc.constant(0)), { maxLength: 6 })
  fc.assert(
    fc.property(around, place, fc.boolean(), (text, path, wrapped) => {
      const credential = mintBearer('clk_mcp').value.expose()
      const leaf: unknown = wrapped ? new Secret(credential) : `${text} ${credential}`
      const value = path.reduce<unknown>((inner, step) => (step === 0 ? [inner] : { [step]: inner }), leaf)
      const shown = JSON.stringify({ shown: redacted(value), thrown: redacted(new Error(`${text} ${credential}`)) })
      expect(shown).not.toContain(credential.slice(12))
    }),
  )
})

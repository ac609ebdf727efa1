import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { Secret } from '../../kernel/secret.ts'
import { secretValueBytesMax } from './secret.schema.ts'

/** @returns the value wrapped at the door, or ARGUMENT_INVALID when it is too long, or no text that could be given back unchanged */
export function secretValue(text: string): Result<Secret<string>, Fault> {
  if (!text.isWellFormed()) return err(fault('ARGUMENT_INVALID', { message: 'value holds a lone surrogate' }))
  if (Buffer.byteLength(text) > secretValueBytesMax) {
    return err(fault('ARGUMENT_INVALID', { message: `value is longer than ${secretValueBytesMax} bytes` }))
  }
  return ok(new Secret(text))
}

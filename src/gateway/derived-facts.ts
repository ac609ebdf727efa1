import type { InputFacts } from '../policy/input.ts'
import type { Identified } from './identify.ts'

type Derived = NonNullable<InputFacts['derived']>

/** What of a call the policy could not work out by itself. */
export function derivedFacts(action: string, resource: Identified): Derived {
  if (action === 'certificate.read_key') return { includesPrivateKey: true }
  if (action === 'certificate.request' && resource.type === 'certificate')
    return { domains: resource.certificate?.domains ?? resource.planned?.domains ?? [] }
  return {}
}

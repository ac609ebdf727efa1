import type { InputFacts } from '../policy/input.ts'
import type { Identified } from './identify.ts'

type Derived = NonNullable<InputFacts['derived']>

/** What of a call the policy could not work out by itself. */
export function derivedFacts(action: string, resource: Identified): Derived {
  if (action === 'certificate.read_key') return { includesPrivateKey: true }
  if (action === 'certificate.request' && resource.type === 'certificate')
    return { domains: resource.certificate?.domains ?? resource.planned?.domains ?? [] }
  if (action === 'probe.create' && resource.type === 'probe_target') return urlOf(resource)
  return {}
}

function urlOf({ target, destination }: Extract<Identified, { type: 'probe_target' }>): Derived {
  if (target === undefined) return {}
  const { scheme, host, port, path } = target
  return { url: { scheme, host, port, path, ipClass: destination?.ipClass ?? 'unresolved' } }
}

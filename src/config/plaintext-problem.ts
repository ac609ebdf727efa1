import { isLoopback } from '../kernel/loopback.ts'
import type { Config } from './config.schema.ts'
import type { ConfigProblem } from './config-problem.ts'

/** Bearers must not cross a network in the clear, unless the operator says so. */
export function plaintextProblem({ http }: Pick<Config, 'http'>): ConfigProblem | undefined {
  const isProtected = http.tls !== undefined || http.publicUrl?.startsWith('https:') === true || http.allowPlaintext
  if (isProtected || isLoopback(http.host)) return undefined
  return {
    place: 'http.host',
    problem:
      'is not a loopback address: set http.tls, or an https http.publicUrl behind a proxy that ends TLS, or http.allowPlaintext',
  }
}

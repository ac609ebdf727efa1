/** What is known of a refusal: its kind, the HTTP status, whether the same call may be tried again, what is said. */
export interface FaultInfo {
  readonly kind:
    | 'invalid'
    | 'unauthenticated'
    | 'forbidden'
    | 'not_found'
    | 'conflict'
    | 'rate_limited'
    | 'unavailable'
    | 'internal'
  readonly http: number
  readonly retry: boolean
  readonly text: string
}

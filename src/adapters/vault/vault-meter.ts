/** What is asked of the server: a closed list, because it labels a metric. */
export type VaultOperation = 'read' | 'write' | 'login' | 'renew' | 'lookup' | 'sign' | 'health'

export type VaultOutcome = 'ok' | 'missing' | 'refused' | 'unavailable'

export interface VaultMeter {
  answered(operation: VaultOperation, outcome: VaultOutcome, seconds: number): void
}

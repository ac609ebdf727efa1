import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { CallMeter } from '../../gateway/call-meter.ts'
import type { VaultMeter } from '../vault/vault-meter.ts'
import { decisionCode } from './decision-code.ts'

/** What is asked at each scrape. A part that is not given has no metric. */
export interface Probes {
  /** Events that wait to be appended. */
  readonly auditQueueLength?: () => number
  readonly poolConnections?: () => { readonly used: number; readonly free: number; readonly waiting: number }
  readonly activeSessions?: () => Promise<number>
}

export interface Metrics {
  readonly calls: CallMeter
  readonly http: { answered(route: string, status: number, seconds: number): void }
  readonly vault: VaultMeter
  /** What `/metrics` answers (Prometheus text format). */
  readonly exposition: { readonly contentType: string; text(): Promise<string> }
}

const STAGE_SECONDS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30]
const HTTP_SECONDS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30]

/** The gateway's Prometheus metrics. Labels take values from closed lists only: nothing that a caller sends makes a series. */
export function createMetrics(probes: Probes = {}): Metrics {
  const registry = new Registry()
  const decisions = new Counter({
    name: 'certlocker_decisions_total',
    help: 'Decisions about tool calls, by effect and code of the first reason',
    labelNames: ['effect', 'code'],
    registers: [registry],
  })
  const stages = new Histogram({
    name: 'certlocker_call_stage_seconds',
    help: 'Time that each stage of a tool call takes',
    labelNames: ['stage'],
    buckets: STAGE_SECONDS,
    registers: [registry],
  })
  const requests = new Histogram({
    name: 'certlocker_http_request_seconds',
    help: 'Time from request to answer, by route and status',
    labelNames: ['route', 'status'],
    buckets: HTTP_SECONDS,
    registers: [registry],
  })
  const vaultRequests = new Histogram({
    name: 'certlocker_vault_request_seconds',
    help: 'Time that Vault takes to answer, by operation and outcome',
    labelNames: ['operation', 'outcome'],
    buckets: HTTP_SECONDS,
    registers: [registry],
  })
  observe(registry, probes)
  return {
    calls: {
      start() {
        let sinceMs = performance.now()
        return {
          stage(stage) {
            const nowMs = performance.now()
            stages.observe({ stage }, (nowMs - sinceMs) / 1000)
            sinceMs = nowMs
          },
          decided: ({ effect, reasons }) => decisions.inc({ effect, code: decisionCode(reasons[0]?.code) }),
        }
      },
    },
    http: { answered: (route, status, seconds) => requests.observe({ route, status: String(status) }, seconds) },
    vault: {
      answered: (operation, outcome, seconds) => vaultRequests.observe({ operation, outcome }, seconds),
    },
    exposition: { contentType: registry.contentType, text: () => registry.metrics() },
  }
}

function observe(registry: Registry, { auditQueueLength, poolConnections, activeSessions }: Probes): void {
  const add = (gauge: Gauge) => registry.registerMetric(gauge)
  if (auditQueueLength !== undefined) {
    const help = 'Events that wait to be appended to the audit log'
    add(gauge('certlocker_audit_queue_length', help, [], (self) => self.set(auditQueueLength())))
  }
  if (poolConnections !== undefined) {
    const help = 'Connections of the database pool, and requests that wait for one'
    add(
      gauge('certlocker_pool_connections', help, ['state'], (self) => {
        for (const [state, count] of Object.entries(poolConnections())) self.set({ state }, count)
      }),
    )
  }
  if (activeSessions !== undefined) {
    const help = 'Active sessions of agents, over all replicas'
    add(gauge('certlocker_active_sessions', help, [], async (self) => self.set(await activeSessions())))
  }
}

/** A gauge that is asked at each scrape. */
function gauge(
  name: string,
  help: string,
  labelNames: string[],
  collect: (self: Gauge) => void | Promise<void>,
): Gauge {
  return new Gauge({
    name,
    help,
    labelNames,
    registers: [],
    collect() {
      return collect(this)
    },
  })
}

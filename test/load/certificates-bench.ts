import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Agent, connect } from '../support/agent.ts'
import { aCertificate } from '../support/certificates.ts'
import { type Pebble, startPebble } from '../support/pebble.ts'
import { type RestClient, restClient } from '../support/rest-client.ts'
import { type TlsEndpoint, tlsEndpoint } from '../support/tls-endpoint.ts'
import { callLoad } from './call-load.ts'
import { startCommand } from './measured.ts'
import { median } from './percentile.ts'
import { cpuSeconds, startServer } from './processes.ts'

const GROUP = 'edge'
const OWNER = 'bench@example.com'
const RENEWALS = 20
/** An agent may make 60 a minute. */
const PROBES = 55
const WARM_UP_PROBES = 15
const LISTED = 5_000
const LIST_LIMIT = 200
const LIST_MS = 3_000
/** 170 endpoints, each looked at every ten seconds: a little more than 1,000 probes a minute. */
const SCHEDULED = 170
const EVERY_SECONDS = 10
const WATCHED_MS = 60_000

export interface CertificatesBench {
  /** From the first of the parallel requests to the last certificate, of a CA on this machine. */
  readonly renewals: { readonly count: number; readonly seconds: number }
  /** Medians for a healthy endpoint: the agent's call, and a plain HTTPS request from the same client process. */
  readonly probe: { readonly ms: number; readonly bareMs: number }
  /** One page, read by an agent that may read all of them. */
  readonly list: {
    readonly certificates: number
    readonly page: number
    readonly p50Ms: number
    readonly p99Ms: number
  }
  readonly scheduled: { readonly probesPerMinute: number; readonly cpuCores: number }
}

/** Measures renewals at Pebble, probes and lists. @returns undefined where there is no Pebble */
export async function benchCertificates(say: (line: string) => void): Promise<CertificatesBench | undefined> {
  const pebble = await startPebble()
  if (pebble === undefined) return undefined
  const directory = mkdtempSync(join(tmpdir(), 'certlocker-certificates-bench-'))
  const adminKey = randomBytes(24).toString('hex')
  const made = aCertificate({ subject: 'bench.example', domains: ['bench.example'], days: 10 })
  const endpoint = await tlsEndpoint({ cert: made.certificate, key: made.key, fingerprint: '' })
  const gateway = await startServer([...startCommand(), '--config', configuration(directory, pebble)], {
    CERTLOCKER_DATA_DIR: join(directory, 'gateway'),
    CERTLOCKER_HTTP__PORT: '0',
    CERTLOCKER_BASTION__PORT: '0',
    CERTLOCKER_BOOTSTRAP__ADMIN_KEY: adminKey,
    CERTLOCKER_LIMITS__CALLS_PER_MINUTE: '1000000000',
  })
  const api = restClient(gateway.url, adminKey)
  try {
    const token = await seed(api, endpoint)
    const agent = await connect(gateway.url, token)
    try {
      const renewals = await renew(api, agent)
      say(`${renewals.count} renewals in parallel: ${renewals.seconds.toFixed(1)} s`)
      const probe = await probes(agent, endpoint)
      say(`probe of a healthy endpoint: ${probe.ms.toFixed(1)} ms, ${probe.bareMs.toFixed(1)} ms for a plain request`)
      await inventory(api, made)
      const load = { url: gateway.url, token, tool: 'certlocker_list_allowed_resources' }
      const args = { type: 'certificate', limit: LIST_LIMIT }
      const { p50Ms, p99Ms } = await callLoad({ ...load, args }, { connections: 1, ms: LIST_MS })
      const list = { certificates: LISTED + RENEWALS, page: LIST_LIMIT, p50Ms, p99Ms }
      say(
        `a page of ${list.page} of ${list.certificates} certificates: p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms`,
      )
      const scheduled = await watch(api, gateway.pid, endpoint)
      say(
        `scheduled probes: ${Math.round(scheduled.probesPerMinute)} a minute take ${scheduled.cpuCores.toFixed(2)} of a core`,
      )
      return { renewals, probe, list, scheduled }
    } finally {
      await agent.close()
    }
  } finally {
    await gateway.stop()
    await Promise.all([pebble.stop(), endpoint.stop()])
    rmSync(directory, { recursive: true, force: true })
  }
}

function configuration(directory: string, { directoryUrl, caFile, http01Port }: Pebble): string {
  const file = join(directory, 'config.json')
  const acme = { issuers: [{ name: 'pebble', directoryUrl, caFile }], http01: { port: http01Port } }
  writeFileSync(file, JSON.stringify({ acme, egress: { privateCidrs: ['127.0.0.0/8'] } }))
  return file
}

/** @returns the token of an agent that may renew, list and probe */
async function seed(api: RestClient, { port }: TlsEndpoint): Promise<string> {
  await api.create('/groups', {
    name: GROUP,
    environment: 'staging',
    domains: ['*.edge.example'],
    probeTargets: [`127.0.0.1:${port}`],
  })
  await api.create('/people', { email: OWNER, name: 'Bench', role: 'operator', groups: [GROUP] })
  const scopes = ['certificate:read', 'certificate:request', 'probe:create']
  await api.create('/agents', { name: 'bench', owner: OWNER, riskLevel: 'low', scopes, groups: [GROUP] })
  const token = { agentId: 'bench', name: 'bench', groups: [GROUP], ttlSeconds: 86_400 }
  return String((await api.create('/tokens', token))['value'])
}

async function renew(api: RestClient, agent: Agent): Promise<CertificatesBench['renewals']> {
  const names = Array.from({ length: RENEWALS }, (_, index) => `n${index}.edge.example`)
  for (const name of names) {
    const old = aCertificate({ subject: name, domains: [name], days: 10 })
    await api.create('/certificates', { name, groups: [GROUP], chain: old.certificate, privateKey: old.key })
  }
  const startedMs = performance.now()
  const answers = await Promise.all(names.map((name) => agent.calls('certlocker_request_certificate', { name })))
  const seconds = (performance.now() - startedMs) / 1000
  const failed = answers.find(({ structured }) => structured['orderStatus'] !== 'valid')
  if (failed !== undefined) throw new Error(`a renewal came to ${JSON.stringify(failed.structured)}`)
  return { count: names.length, seconds }
}

async function probes(agent: Agent, { port }: TlsEndpoint): Promise<CertificatesBench['probe']> {
  const target = `https://127.0.0.1:${port}/`
  const [own, bare]: [number[], number[]] = [[], []]
  for (let run = 0; run < PROBES; run++) {
    bare.push(await timed(() => plainRequest(target)))
    own.push(await timed(() => agent.calls('certlocker_create_probe', { target })))
  }
  return { ms: median(own.slice(WARM_UP_PROBES)), bareMs: median(bare.slice(WARM_UP_PROBES)) }
}

function plainRequest(target: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(target, { rejectUnauthorized: false, agent: false }, (response) =>
      response.resume().once('close', resolve),
    )
    sent.once('error', reject).end()
  })
}

async function inventory(api: RestClient, { certificate, key }: ReturnType<typeof aCertificate>): Promise<void> {
  let next = 0
  const worker = async () => {
    for (let index = next++; index < LISTED; index = next++) {
      const name = `listed-${String(index).padStart(4, '0')}`
      await api.create('/certificates', { name, groups: [GROUP], chain: certificate, privateKey: key })
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
}

async function watch(api: RestClient, pid: number, endpoint: TlsEndpoint): Promise<CertificatesBench['scheduled']> {
  for (let index = 1; index <= SCHEDULED; index++) {
    const target = `https://127.0.0.1:${endpoint.port}/${index}`
    await api.create('/probes', { target, groups: [GROUP], everySeconds: EVERY_SECONDS })
  }
  await wait(EVERY_SECONDS * 1000)
  const [before, seen, startedMs] = [cpuSeconds(pid), endpoint.handshakes(), performance.now()]
  await wait(WATCHED_MS)
  const [after, seconds] = [cpuSeconds(pid), (performance.now() - startedMs) / 1000]
  return {
    probesPerMinute: ((endpoint.handshakes() - seen) / seconds) * 60,
    cpuCores: (after.own - before.own + after.descendants - before.descendants) / seconds,
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { connect } from '../support/agent.ts'
import { callOnce } from '../support/calling-clients.ts'
import { given } from '../support/given.ts'
import { itemsOf } from '../support/items.ts'
import { openSession } from '../support/raw-mcp.ts'
import { type RealSshd, startSshd } from '../support/real-sshd.ts'
import { type RestClient, restClient } from '../support/rest-client.ts'
import { granted, registerHost, ssh } from '../support/ssh-lab.ts'
import { until } from '../support/until.ts'
import { type BenchDatabase, benchDatabase } from './bench-database.ts'
import { startCommand } from './measured.ts'
import { median, percentile } from './percentile.ts'
import { type ServerProcess, startServer } from './processes.ts'

const REPLICAS = 3
const KILLS = 40
const DEAF_KILLS = 20
const SSH_KILLS = 10
const APPROVALS = 40
const CALLERS_PER_REPLICA = 2

interface Spread {
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** From a request to its effect everywhere, with three gateways on one durable database. */
export interface KillBench {
  /** From sending the kill to the first refused call on the last replica; no call is allowed after it. */
  readonly refused: Spread
  /** The same when every replica's LISTEN connection was just cut. */
  readonly refusedDeaf: Spread
  /** From sending the kill to the end of a command on a host. Without an OpenSSH server: null. */
  readonly sshCut: Spread | null
  /** From sending an approval to the answer of the call that another replica held for it, its effect included. */
  readonly approved: Spread
}

export async function benchKill(say: (line: string) => void): Promise<KillBench> {
  const database = await benchDatabase()
  const adminKey = randomBytes(24).toString('hex')
  const start = () =>
    startServer(startCommand(), {
      CERTLOCKER_DATABASE__URL: database.url,
      CERTLOCKER_DATA_DIR: join(database.directory, 'gateway'),
      CERTLOCKER_HTTP__PORT: '0',
      CERTLOCKER_BASTION__PORT: '0',
      CERTLOCKER_BOOTSTRAP__ADMIN_KEY: adminKey,
      CERTLOCKER_LIMITS__CALLS_PER_MINUTE: '1000000000',
    })
  const replicas: ServerProcess[] = []
  let sshd: RealSshd | undefined
  try {
    while (replicas.length < REPLICAS) replicas.push(await start())
    const [first] = replicas
    const api = restClient(first?.url ?? '', adminKey)
    const tokens = await seed(api)
    const approver = await anApprover(first?.url ?? '', api)
    const lab: Lab = { database, replicas, api, approver, tokens }
    const told = (what: string, { count, p50Ms, p99Ms }: Spread): void =>
      say(`${what} (${count}): p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms`)
    const approved = spread(await each(APPROVALS, (index) => approval(lab, index)))
    told('approval, until the held call is answered', approved)
    const refused = spread(await each(KILLS, (index) => killed(lab, `kill-${index}`)))
    told(`kill, until ${REPLICAS} replicas refuse`, refused)
    const refusedDeaf = spread(await each(DEAF_KILLS, (index) => killedDeaf(lab, `deaf-${index}`)))
    told('kill, with LISTEN connections cut', refusedDeaf)
    sshd = await startSshd({ trusted: String((await api.get('/ssh-ca')).body['publicKey']) })
    const sshCut = sshd === undefined ? null : await benchSshCut(lab, sshd)
    if (sshCut !== null) told('kill, until a command on a host has ended', sshCut)
    return { refused, refusedDeaf, sshCut, approved }
  } finally {
    for (const replica of replicas) await replica.stop()
    await sshd?.stop()
    await database.close()
  }
}

interface Lab {
  readonly database: BenchDatabase
  readonly replicas: readonly ServerProcess[]
  readonly api: RestClient
  readonly approver: RestClient
  readonly tokens: Readonly<Record<string, string>>
}

function seed(api: RestClient): Promise<Lab['tokens']> {
  const named = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name}-${index}`)
  const victims = [...named('kill', KILLS), ...named('deaf', DEAF_KILLS)]
  const scopes = ['secret:read', 'ssh_session:request']
  return given(
    { api },
    {
      agents: [
        ...victims.map((name) => ({ name, groups: ['staging'] })),
        ...named('ssh', SSH_KILLS).map((name) => ({ name, groups: ['edge'], scopes })),
        ...named('held', APPROVALS).map((name) => ({ name, groups: ['prod'] })),
      ],
      secrets: [
        { name: 'login', groups: ['staging'] },
        { name: 'vital', groups: ['prod'] },
      ],
    },
  )
}

async function anApprover(url: string, api: RestClient): Promise<RestClient> {
  const email = 'bo@example.com'
  await api.create('/people', { email, name: 'Bo', role: 'approver', groups: ['prod'] })
  const { value } = await api.create('/api-keys', { person: email, name: 'bench', ttlSeconds: 3_600 })
  return restClient(url, String(value))
}

async function killed({ replicas, api, tokens }: Lab, agent: string): Promise<number> {
  const token = tokens[agent] ?? ''
  const sessions = await Promise.all(
    replicas.map(async ({ url }) => ({ url, token, sessionId: await openSession(url, token) })),
  )
  let allowed = 0
  const untilRefused = async (where: (typeof sessions)[number]): Promise<number> => {
    for (;;) {
      const { httpStatus, status } = await callOnce(where, 'certlocker_get_secret', { name: 'login' })
      if (httpStatus !== 200 || status !== 'ok') return performance.now()
      allowed++
    }
  }
  const callers = sessions.flatMap((where) => Array.from({ length: CALLERS_PER_REPLICA }, () => untilRefused(where)))
  await until(async () => allowed >= callers.length)
  const startedMs = performance.now()
  await api.create('/kill', { kind: 'agent', id: agent, reason: 'bench' })
  return Math.max(...(await Promise.all(callers))) - startedMs
}

async function killedDeaf(lab: Lab, agent: string): Promise<number> {
  await lab.database.knex.raw(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'certlocker-listen'",
  )
  return killed(lab, agent)
}

async function approval({ replicas, api, approver, tokens }: Lab, index: number): Promise<number> {
  const name = `held-${index}`
  const agent = await connect(replicas.at(-1)?.url ?? '', tokens[name] ?? '')
  try {
    const held = agent.follows('certlocker_get_secret', { name: 'vital' }, () => {})
    const pending = async () => itemsOf((await api.get(`/approvals?status=pending&agent=${name}`)).body)
    await until(async () => (await pending()).length === 1)
    const [{ id } = { id: '' }] = await pending()
    const startedMs = performance.now()
    await approver.create(`/approvals/${String(id)}/approve`, { comment: 'bench' })
    const { structured } = await held
    if (structured['status'] !== 'ok') throw new Error(`a held call came to ${JSON.stringify(structured)}`)
    return performance.now() - startedMs
  } finally {
    await agent.close()
  }
}

async function benchSshCut({ replicas, api, tokens }: Lab, sshd: RealSshd): Promise<Spread> {
  await registerHost({ api }, sshd, 'edge-1')
  const cut = async (index: number): Promise<number> => {
    const name = `ssh-${index}`
    const agent = await connect(replicas[index % REPLICAS]?.url ?? '', tokens[name] ?? '')
    let isStarted = false
    const ended = ssh(await granted(agent), ['echo started; sleep 60'], { onOutput: () => (isStarted = true) })
    await until(async () => isStarted)
    const startedMs = performance.now()
    await api.create('/kill', { kind: 'agent', id: name, reason: 'bench' })
    await ended
    const ms = performance.now() - startedMs
    await agent.close()
    return ms
  }
  return spread(await each(SSH_KILLS, cut))
}

async function each(count: number, measure: (index: number) => Promise<number>): Promise<readonly number[]> {
  const spentMs: number[] = []
  while (spentMs.length < count) spentMs.push(await measure(spentMs.length))
  return spentMs
}

function spread(spentMs: readonly number[]): Spread {
  return { count: spentMs.length, p50Ms: median(spentMs), p99Ms: percentile(spentMs, 0.99) }
}

import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { restClient } from '../support/rest-client.ts'
import { benchAuditAppend } from './audit-bench.ts'
import { callLoad, type CallLoad, type LoadResult } from './call-load.ts'
import { benchDecisions } from './decision-bench.ts'
import { cpuSeconds, memoryMb, type ServerProcess, startServer } from './processes.ts'

const CONNECTIONS = [1, 16, 64]
const ROUNDS = 5
const ROUND_MS = 2_000
const LISTED_SECRETS = 200
const STAGES = ['auth', 'identify', 'decide', 'record', 'effect', 'outcome']

interface Measured extends LoadResult {
  readonly cpuMsPerCall: number
  readonly databaseCpuMsPerCall: number
}

/** Measures on this machine, servers interleaved round by round, and gives ratios within the run. */
async function main(): Promise<void> {
  const isJson = process.argv.includes('--json')
  const say = (line: string) => void (isJson ? process.stderr : process.stdout).write(`${line}\n`)
  say(
    `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
  )
  const decisions = benchDecisions()
  say(
    `decision in process (${decisions.inputBytes} B input): p50 ${decisions.p50Us.toFixed(1)} µs, p99 ${decisions.p99Us.toFixed(1)} µs`,
  )
  const appends = await benchAuditAppend()
  for (const each of appends)
    say(
      `audit append, ${each.inFlight} in flight: ${Math.round(each.perSecond)}/s, p50 ${each.p50Ms.toFixed(2)} ms, p99 ${each.p99Ms.toFixed(2)} ms`,
    )
  const calls = await benchCalls(say)
  if (isJson)
    process.stdout.write(
      `${JSON.stringify({ machine: { cpus: cpus().length, model: cpus()[0]?.model, node: process.version }, decisions, appends, ...calls })}\n`,
    )
}

async function benchCalls(say: (line: string) => void) {
  const directory = mkdtempSync(join(tmpdir(), 'certlocker-bench-'))
  const adminKey = randomBytes(24).toString('hex')
  const startMs = performance.now()
  const environment = {
    CERTLOCKER_DATA_DIR: directory,
    CERTLOCKER_HTTP__PORT: '0',
    CERTLOCKER_BOOTSTRAP__ADMIN_KEY: adminKey,
    CERTLOCKER_LIMITS__CALLS_PER_MINUTE: '1000000000',
  }
  const first = await startServer(startCommand(), environment)
  const firstStartMs = performance.now() - startMs
  await first.stop()
  const againMs = performance.now()
  const gateway = await startServer(startCommand(), environment)
  const restartMs = performance.now() - againMs
  const bare = await startServer(['--import', 'tsx', 'test/load/bare-server.ts', 'bare'], {})
  try {
    const token = await seed(gateway.url, adminKey)
    const read: CallLoad = { url: gateway.url, token, tool: 'certlocker_get_secret', args: { name: 'bench-000' } }
    const yardstick: CallLoad = { ...read, url: bare.url, token: 'bare' }
    for (const [server, load] of [
      [gateway, read],
      [bare, yardstick],
    ] as const)
      await measure(server, load, { connections: 16, ms: ROUND_MS })
    const rounds = new Map(
      CONNECTIONS.map((connections) => [connections, { gateway: [] as Measured[], bare: [] as Measured[] }]),
    )
    for (let round = 0; round < ROUNDS; round++) {
      for (const [connections, results] of rounds) {
        results.bare.push(await measure(bare, yardstick, { connections, ms: ROUND_MS }))
        results.gateway.push(await measure(gateway, read, { connections, ms: ROUND_MS }))
      }
    }
    const stages = await stageMs(gateway.url, adminKey)
    const memory = memoryMb(gateway.pid)
    const calls = [...rounds].map(([connections, results]) => {
      const ratio = median(
        results.gateway.map(({ perSecond }, index) => perSecond / (results.bare[index]?.perSecond ?? Number.NaN)),
      )
      const [ours, theirs] = [middle(results.gateway), middle(results.bare)]
      say(
        `get_secret, ${connections} connections: ${Math.round(ours.perSecond)}/s, ${ratio.toFixed(2)} × bare SDK (${Math.round(theirs.perSecond)}/s); p50 ${ours.p50Ms.toFixed(1)} ms, p99 ${ours.p99Ms.toFixed(1)} ms; CPU per call ${ours.cpuMsPerCall.toFixed(2)} ms + database ${ours.databaseCpuMsPerCall.toFixed(2)} ms (bare ${theirs.cpuMsPerCall.toFixed(2)} ms)`,
      )
      return { connections, ratio, gateway: ours, bare: theirs }
    })
    say(
      `stages, mean ms: ${Object.entries(stages)
        .map(([stage, ms]) => `${stage} ${ms.toFixed(3)}`)
        .join(', ')}`,
    )
    const list = await measure(
      gateway,
      { ...read, tool: 'certlocker_list_allowed_resources', args: { limit: LISTED_SECRETS } },
      { connections: 1, ms: ROUND_MS },
    )
    say(`list of ${LISTED_SECRETS} resources: p50 ${list.p50Ms.toFixed(1)} ms, p99 ${list.p99Ms.toFixed(1)} ms`)
    say(
      `memory of the gateway process: ${Math.round(memory.now)} MB, at most ${Math.round(memory.peak)} MB; ready after ${Math.round(restartMs)} ms (first start ${Math.round(firstStartMs)} ms)`,
    )
    return { calls, stages, list, memory, startMs: { first: firstStartMs, again: restartMs } }
  } finally {
    await bare.stop()
    await gateway.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What `npm start` runs, without the shell and its `exec node`. */
function startCommand(): string[] {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { start: string } }
  return scripts.start.split(' ').slice(2)
}

async function measure(
  server: ServerProcess,
  load: CallLoad,
  options: { readonly connections: number; readonly ms: number },
): Promise<Measured> {
  const before = cpuSeconds(server.pid)
  const result = await callLoad(load, options)
  const after = cpuSeconds(server.pid)
  if (result.failed > 0) throw new Error(`${result.failed} of ${result.calls} calls were not answered with ok`)
  const perCall = (seconds: number) => (seconds * 1000) / result.calls
  return {
    ...result,
    cpuMsPerCall: perCall(after.own - before.own),
    databaseCpuMsPerCall: perCall(after.descendants - before.descendants),
  }
}

async function seed(url: string, adminKey: string): Promise<string> {
  const api = restClient(url, adminKey)
  await api.create('/groups', { name: 'staging', environment: 'staging' })
  await api.create('/people', { email: 'bench@example.com', name: 'Bench', role: 'operator', groups: ['staging'] })
  for (let index = 0; index < LISTED_SECRETS; index++) {
    await api.create('/secrets', {
      name: `bench-${String(index).padStart(3, '0')}`,
      groups: ['staging'],
      value: randomBytes(18).toString('base64'),
    })
  }
  await api.create('/agents', {
    name: 'bench',
    owner: 'bench@example.com',
    riskLevel: 'low',
    scopes: ['secret:read'],
    groups: ['staging'],
  })
  const { value } = await api.create('/tokens', {
    agentId: 'bench',
    name: 'bench',
    groups: ['staging'],
    ttlSeconds: 86_400,
  })
  return String(value)
}

/** Mean time of each stage over everything measured, from the gateway's own histogram. */
async function stageMs(url: string, adminKey: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${adminKey}` } })).text()
  const value = (stage: string, part: string) =>
    Number(new RegExp(`certlocker_call_stage_seconds_${part}\\{stage="${stage}"\\} (\\S+)`).exec(text)?.[1] ?? 0)
  return Object.fromEntries(STAGES.map((stage) => [stage, (value(stage, 'sum') / value(stage, 'count')) * 1000]))
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

/** The round whose rate is the median. */
function middle(results: readonly Measured[]): Measured {
  const [result] = results.toSorted((a, b) => a.perSecond - b.perSecond).slice(Math.floor(results.length / 2))
  if (result === undefined) throw new Error('nothing was measured')
  return result
}

await main()

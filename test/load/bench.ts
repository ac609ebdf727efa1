import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { benchAuditAppend } from './audit-bench.ts'
import { benchCertificates } from './certificates-bench.ts'
import { benchDecisions } from './decision-bench.ts'
import { benchKill } from './kill-bench.ts'
import { contest, listedSecrets, measure, resultOf, type Round, startCommand } from './measured.ts'
import { memoryMb, startServer } from './processes.ts'
import { benchScale } from './scale-bench.ts'
import { benchSsh } from './ssh-bench.ts'

const CONNECTIONS = [1, 16, 64]
const ROUNDS = 5
const ROUND_MS = 2_000
const STAGES = ['auth', 'identify', 'decide', 'record', 'effect', 'outcome']

/** What is measured by itself: `npm run bench -- ssh`. */
const parts = {
  certificates: benchCertificates,
  kill: benchKill,
  ssh: benchSsh,
}

/** Measures on this machine, servers interleaved round by round, and gives ratios within the run. */
async function main(): Promise<void> {
  const isJson = process.argv.includes('--json')
  const isScale = process.argv.includes('--scale')
  const say = (line: string) => void (isJson ? process.stderr : process.stdout).write(`${line}\n`)
  say(
    `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
  )
  for (const [part, measured] of Object.entries(parts)) {
    if (!process.argv.includes(part)) continue
    const result = await measured(say)
    if (result === undefined) say(`${part}: what it needs is not here (npm run tools)`)
    else if (isJson) process.stdout.write(`${JSON.stringify({ [part]: result })}\n`)
    return
  }
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
  const scale = isScale ? await benchScale(say) : undefined
  if (isJson)
    process.stdout.write(
      `${JSON.stringify({ machine: { cpus: cpus().length, model: cpus()[0]?.model, node: process.version }, decisions, appends, ...calls, scale })}\n`,
    )
}

async function benchCalls(say: (line: string) => void) {
  const directory = mkdtempSync(join(tmpdir(), 'certlocker-bench-'))
  const adminKey = randomBytes(24).toString('hex')
  const startMs = performance.now()
  const environment = {
    CERTLOCKER_DATA_DIR: directory,
    CERTLOCKER_HTTP__PORT: '0',
    CERTLOCKER_BASTION__PORT: '0',
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
    const { read, round } = await contest(gateway, bare, { adminKey, msOfRound: ROUND_MS })
    const rounds = new Map(CONNECTIONS.map((connections): [number, Round[]] => [connections, []]))
    for (let each = 0; each < ROUNDS; each++)
      for (const [connections, results] of rounds) results.push(await round({ connections, ms: ROUND_MS }))
    const stages = await stageMs(gateway.url, adminKey)
    const memory = memoryMb(gateway.pid)
    const calls = [...rounds].map(([connections, results]) => {
      const { ratio, gateway: ours, bare: theirs } = resultOf(results)
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
      { ...read, tool: 'certlocker_list_allowed_resources', args: { limit: listedSecrets } },
      { connections: 1, ms: ROUND_MS },
    )
    say(`list of ${listedSecrets} resources: p50 ${list.p50Ms.toFixed(1)} ms, p99 ${list.p99Ms.toFixed(1)} ms`)
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

/** Mean time of each stage over everything measured, from the gateway's own histogram. */
async function stageMs(url: string, adminKey: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${adminKey}` } })).text()
  const value = (stage: string, part: string) =>
    Number(new RegExp(`certlocker_call_stage_seconds_${part}\\{stage="${stage}"\\} (\\S+)`).exec(text)?.[1] ?? 0)
  return Object.fromEntries(STAGES.map((stage) => [stage, (value(stage, 'sum') / value(stage, 'count')) * 1000]))
}

await main()

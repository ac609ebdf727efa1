import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { restClient } from '../support/rest-client.ts'
import { callLoad, type CallLoad, type LoadResult } from './call-load.ts'
import { median } from './percentile.ts'
import { cpuSeconds, type ServerProcess } from './processes.ts'

export const listedSecrets = 200

export interface Measured extends LoadResult {
  readonly cpuMsPerCall: number
  readonly databaseCpuMsPerCall: number
}

/** What `npm start` runs, without the shell and its `exec node`. */
export function startCommand(): string[] {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { start: string } }
  return scripts.start.split(' ').slice(2)
}

export async function measure(
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

/** The gateway and the bare SDK server, asked the same in turns. */
export interface Contest {
  readonly read: CallLoad
  /** The next round of both; results of different rounds are not to be compared. */
  readonly round: (options: { readonly connections: number; readonly ms: number }) => Promise<Round>
}

export interface Round {
  readonly gateway: Measured
  readonly bare: Measured
}

/** Seeds the gateway, and warms both servers up. */
export async function contest(
  gateway: ServerProcess,
  bare: ServerProcess,
  { adminKey, msOfRound }: { readonly adminKey: string; readonly msOfRound: number },
): Promise<Contest> {
  const token = await seed(gateway.url, adminKey)
  const read: CallLoad = { url: gateway.url, token, tool: 'certlocker_get_secret', args: { name: 'bench-000' } }
  const yardstick: CallLoad = { ...read, url: bare.url, token: 'bare' }
  const round: Contest['round'] = async (options) => {
    const theirs = await measure(bare, yardstick, options)
    return { bare: theirs, gateway: await measure(gateway, read, options) }
  }
  await round({ connections: 16, ms: msOfRound })
  return { read, round }
}

/** The middle of several rounds, and the middle of how the gateway compared within each. */
export function resultOf(rounds: readonly Round[]): Round & { readonly ratio: number } {
  return {
    ratio: median(rounds.map(({ gateway, bare }) => gateway.perSecond / bare.perSecond)),
    gateway: middle(rounds.map(({ gateway }) => gateway)),
    bare: middle(rounds.map(({ bare }) => bare)),
  }
}

/** One agent that may read `listedSecrets` secrets. @returns its token */
async function seed(url: string, adminKey: string): Promise<string> {
  const api = restClient(url, adminKey)
  await api.create('/groups', { name: 'staging', environment: 'staging' })
  await api.create('/people', { email: 'bench@example.com', name: 'Bench', role: 'operator', groups: ['staging'] })
  for (let index = 0; index < listedSecrets; index++) {
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

/** The round whose rate is the median. */
function middle(results: readonly Measured[]): Measured {
  const [result] = results.toSorted((a, b) => a.perSecond - b.perSecond).slice(Math.floor(results.length / 2))
  if (result === undefined) throw new Error('nothing was measured')
  return result
}

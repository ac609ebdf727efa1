import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Knex } from 'knex'
import { newId } from '../../src/kernel/ids.ts'
import { completion, decision } from './audit-bench.ts'
import { type BenchDatabase, benchDatabase } from './bench-database.ts'
import { contest, type Measured, resultOf, type Round, startCommand } from './measured.ts'
import { startServer } from './processes.ts'

const SIZES = [
  { agents: 10, events: 1_000 },
  { agents: 10_000, events: 1_000 },
  { agents: 10_000, events: 1_000_000 },
] as const
const ROUNDS = 5
const ROUND = { connections: 16, ms: 2_000 } as const
const EVENTS_PER_APPEND = 500

export interface ScalePoint {
  readonly agents: number
  readonly events: number
  /** Calls per second as a multiple of the bare SDK server's, which knows nothing of the size. */
  readonly ratio: number
  readonly gateway: Measured
}

/** Measures one and the same call while the registry and the log grow. Takes minutes: a million events are really appended. */
export async function benchScale(say: (line: string) => void): Promise<readonly ScalePoint[]> {
  const database = await benchDatabase()
  const adminKey = randomBytes(24).toString('hex')
  const gateway = await startServer(startCommand(), {
    CERTLOCKER_DATABASE__URL: database.url,
    CERTLOCKER_DATA_DIR: join(database.directory, 'gateway'),
    CERTLOCKER_HTTP__PORT: '0',
    CERTLOCKER_BASTION__PORT: '0',
    CERTLOCKER_BOOTSTRAP__ADMIN_KEY: adminKey,
    CERTLOCKER_LIMITS__CALLS_PER_MINUTE: '1000000000',
  })
  const bare = await startServer(['--import', 'tsx', 'test/load/bare-server.ts', 'bare'], {})
  try {
    const { round } = await contest(gateway, bare, { adminKey, msOfRound: ROUND.ms })
    const points: ScalePoint[] = []
    for (const size of SIZES) {
      await addAgents(database.knex, size.agents)
      await addEvents(database, size.events)
      const rounds: Round[] = []
      while (rounds.length < ROUNDS) rounds.push(await round(ROUND))
      const { ratio, gateway: ours } = resultOf(rounds)
      const point = { ...size, ratio, gateway: ours }
      const { perSecond, cpuMsPerCall } = ours
      say(
        `with ${size.agents} agents and ${size.events} events: ${Math.round(perSecond)}/s, ${ratio.toFixed(2)} × bare SDK; CPU per call ${cpuMsPerCall.toFixed(2)} ms`,
      )
      points.push(point)
    }
    return points
  } finally {
    await bare.stop()
    await gateway.stop()
    await database.close()
  }
}

/** Copies of the agent that calls, with its groups. */
async function addAgents(knex: Knex, wanted: number): Promise<void> {
  const { count } = await knex('agents').count().first<{ count: string }>()
  const agent = await knex('agents').where('name', 'bench').first<{ id: string }>()
  const groups = await knex('agent_groups').where('agent_id', agent.id).select<{ group_id: string }[]>('group_id')
  const copies = Array.from({ length: Math.max(0, wanted - Number(count)) }, (_, index) => ({
    ...agent,
    id: newId('agt'),
    name: `copy-${wanted}-${index}`,
  }))
  await knex.batchInsert('agents', copies, 1_000)
  await knex.batchInsert(
    'agent_groups',
    copies.flatMap(({ id }) => groups.map(({ group_id }) => ({ agent_id: id, group_id }))),
    1_000,
  )
}

async function addEvents({ log }: BenchDatabase, wanted: number): Promise<void> {
  for (let { size } = await log.head(); size < wanted; size += EVENTS_PER_APPEND)
    await log.append(
      Array.from({ length: EVENTS_PER_APPEND }, (_, index) => (index % 2 === 0 ? decision() : completion())),
    )
}

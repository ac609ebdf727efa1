import type { TestDatabase } from './database.ts'
import { silentLog } from './silent-log.ts'
import { type Settings, type TestGateway, testGateway } from './test-gateway.ts'

const GROUP = 'time-keepers'

/** A gateway on a database whose clock the test moves. The machine's clock stays as it is, for everybody. */
export interface TravellingGateway {
  readonly gateway: TestGateway
  /** Lets so much time pass at once, and returns when all those gateways have noticed. */
  pass(seconds: number, gateways?: readonly TestGateway[]): Promise<void>
  /** The database's clock in milliseconds since the Unix epoch. */
  now(): Promise<number>
}

export async function travellingGateway(settings: Settings = {}, aheadSeconds = 0): Promise<TravellingGateway> {
  let database: TestDatabase | undefined
  const gateway = await testGateway(settings, silentLog, async (prepared) => {
    database = prepared
    await setUp(prepared, aheadSeconds)
  })
  const knex = database?.knex
  if (knex === undefined) throw new Error('the database was not prepared')
  await gateway.api.create('/groups', { name: GROUP, environment: 'development' })
  let passed = 0
  return {
    gateway,
    pass: async (seconds, gateways = [gateway]) => {
      await knex.raw("UPDATE travel.clock SET ahead = ahead + ? * interval '1 second'", [seconds])
      passed += seconds
      // Every change brings the database's time back with its event.
      for (const { api } of gateways) await api.patch(`/groups/${GROUP}`, { description: `${passed} seconds later` })
    },
    now: async () => {
      const { rows } = await knex.raw<{ rows: { ms: number }[] }>(
        'SELECT (extract(epoch FROM travel.clock_timestamp()) * 1000)::double precision AS ms',
      )
      return rows[0]?.ms ?? Number.NaN
    },
  }
}

/** In new connections `clock_timestamp()` is ours: the search path has it before PostgreSQL's own. */
async function setUp({ knex, connection }: TestDatabase, aheadSeconds: number): Promise<void> {
  await knex.raw(`
    CREATE SCHEMA travel;
    CREATE TABLE travel.clock (ahead interval NOT NULL);
    CREATE FUNCTION travel.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
      AS 'SELECT pg_catalog.clock_timestamp() + ahead FROM travel.clock';
  `)
  await knex.raw("INSERT INTO travel.clock VALUES (? * interval '1 second')", [aheadSeconds])
  await knex.raw('ALTER DATABASE ?? SET search_path = public, travel, pg_catalog', [connection.database])
}

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '../../src/adapters/postgres/pool.ts'
import { KeyRotation } from '../../src/adapters/sealed-box/key-rotation.ts'
import { loadSealedBoxKey } from '../../src/adapters/sealed-box/sealed-box-key.ts'
import { SealedBoxSource } from '../../src/adapters/sealed-box/sealed-box-source.ts'
import { systemClock as clock } from '../../src/kernel/clock.ts'
import { Secret } from '../../src/kernel/secret.ts'
import { type TestDatabase, testDatabase } from './database.ts'
import { valueOf } from './registry.ts'
import { silentLog } from './silent-log.ts'

/** A sealed box whose key can be rotated, with the values that were written to it. */
export interface RotatingBox {
  readonly database: TestDatabase
  readonly keyFile: string
  readonly rotation: KeyRotation
  /** A source as one more replica has it, with this key file. */
  start(keyFile?: string): Promise<SealedBoxSource>
  /** @returns the version */
  write(source: SealedBoxSource, text: string): Promise<string>
  /** What was written and the source does not give back. */
  lost(source: SealedBoxSource): Promise<readonly string[]>
  /**
   * A rotation with one connection that breaks off, as a killed process does, at the moment of this number: just before and
   * just after each statement, counted from 0.
   */
  broken(beforeMoment: number): Promise<BrokenRotation>
  drop(): Promise<void>
}

export interface BrokenRotation {
  readonly rotation: KeyRotation
  /** Takes its connections away. @returns whether it came to break off */
  readonly end: () => Promise<boolean>
}

export const path = 'secrets/sec_rotated'

export async function rotatingBox(): Promise<RotatingBox> {
  const database = await testDatabase()
  const { knex } = database
  const directory = await mkdtemp(join(tmpdir(), 'rotation-'))
  const keyFile = join(directory, 'keys', 'secrets.key')
  const written = new Map<string, string>()
  return {
    database,
    keyFile,
    rotation: new KeyRotation({ knex, clock, keyFile }),
    start: async (from = keyFile) =>
      new SealedBoxSource({ knex, clock, key: valueOf(await loadSealedBoxKey({ knex, clock, keyFile: from })) }),
    write: async (source, text) => {
      const version = valueOf(await source.write(path, new Secret(text)))
      written.set(version, text)
      return version
    },
    lost: async (source) => {
      const lost: string[] = []
      for (const [version, text] of written) {
        const read = await source.read(path, version)
        if (!read.ok || read.value.expose() !== text) lost.push(version)
      }
      return lost
    },
    broken: async (beforeMoment) => {
      const own = openDatabase({
        connection: database.connection,
        poolMax: 1,
        applicationName: 'broken',
        log: silentLog,
      })
      let moments = 0
      for (const moment of ['query', 'query-response'])
        own.knex.on(moment, () => {
          if (moments++ >= beforeMoment) throw new Error('broken off')
        })
      return {
        rotation: new KeyRotation({ knex: own.knex, clock, keyFile }),
        end: async () => {
          await own.close()
          return moments > beforeMoment
        },
      }
    },
    drop: async () => {
      await database.drop()
      await rm(directory, { recursive: true })
    },
  }
}

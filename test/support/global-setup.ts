import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { TestProject } from 'vitest/node'
import { type DatabaseContent, DatabaseServer } from './database-server.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where workers ask for databases: `POST /migrated`, `POST /empty`, `DELETE /<name>`. */
    databaseDoor: string
  }
}

/** Opens the door at which workers ask for databases; the cluster behind it starts when the first one does. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const databases = new DatabaseServer()
  const door = createServer((request, response) => {
    answer(databases, request).then(
      (body) => response.end(JSON.stringify(body)),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.stack : String(error)),
    )
  }).listen(0, '127.0.0.1')
  await once(door, 'listening')
  const address = door.address()
  if (address === null || typeof address === 'string') throw new TypeError('a TCP listener has a port')
  project.provide('databaseDoor', `http://127.0.0.1:${address.port}`)
  return async () => {
    door.close()
    door.closeAllConnections()
    await databases.stop()
  }
}

async function answer(databases: DatabaseServer, { method, url = '' }: IncomingMessage): Promise<object> {
  const name = url.slice(1)
  if (method === 'POST' && isContent(name)) return databases.create(name)
  if (method !== 'DELETE') throw new Error(`${method} ${url} is not understood`)
  await databases.drop(name)
  return {}
}

function isContent(name: string): name is DatabaseContent {
  return name === 'migrated' || name === 'empty'
}

/** Starts a cluster on the folder that is named, says how to reach it, and stays until it is killed. */
import { startEmbeddedCluster } from '../../../src/adapters/postgres/embedded-cluster.ts'
import { silentLog } from '../../support/silent-log.ts'

const directory = process.argv[2] ?? ''
const { pid, connection } = await startEmbeddedCluster({ directory, log: silentLog })
process.stdout.write(`${JSON.stringify({ pid, port: connection.port, password: connection.password.expose() })}\n`)
setInterval(() => undefined, 60_000)

import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ed25519KeyOf, ed25519Line, signUserCertificate } from '../../src/domain/ssh/user-certificate.ts'
import { newSshKey } from '../../src/kernel/ssh-key.ts'
import { type RealSshd, startSshd } from '../support/real-sshd.ts'
import { type RestClient, restClient } from '../support/rest-client.ts'
import { registerHost, ssh } from '../support/ssh-lab.ts'
import { startCommand } from './measured.ts'
import { median } from './percentile.ts'
import { startServer } from './processes.ts'

const RUNS = 15
const OUTPUT = 'seq 1 3000000'
const OUTPUT_BYTES = 22_888_896

export interface SshBench {
  /** From the start of the client to its end, for a command that does nothing. The grant is not in it. */
  readonly bastionMs: number
  readonly directMs: number
  readonly bastionMbPerSecond: number
  readonly directMbPerSecond: number
}

/** Measures the way over the bastion beside the direct one, with a certificate of the same kind and the same client. */
export async function benchSsh(say: (line: string) => void): Promise<SshBench | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'certlocker-ssh-bench-'))
  const adminKey = randomBytes(24).toString('hex')
  const gateway = await startServer(startCommand(), {
    CERTLOCKER_DATA_DIR: join(directory, 'gateway'),
    CERTLOCKER_HTTP__PORT: '0',
    CERTLOCKER_BASTION__PORT: '0',
    CERTLOCKER_BOOTSTRAP__ADMIN_KEY: adminKey,
  })
  const api = restClient(gateway.url, adminKey)
  const { privateKey: ca } = generateKeyPairSync('ed25519')
  const { body } = await api.get('/ssh-ca')
  const sshd = await startSshd({ trusted: `${String(body['publicKey'])}\n${ed25519Line(ca)}` })
  try {
    if (sshd === undefined) return undefined
    await api.create('/groups', { name: 'edge', environment: 'staging' })
    await registerHost({ api }, sshd, 'edge-1')
    const direct = directWay(directory, sshd, ca)
    const ways = { bastion: (command: string) => overBastion(api, command), direct }
    const ms = await times(ways, 'true', RUNS)
    const relayMs = await times(ways, OUTPUT, 5)
    const result = {
      bastionMs: ms.bastion,
      directMs: ms.direct,
      bastionMbPerSecond: OUTPUT_BYTES / 1000 / relayMs.bastion,
      directMbPerSecond: OUTPUT_BYTES / 1000 / relayMs.direct,
    }
    say(
      `ssh, a command: ${ms.bastion.toFixed(0)} ms over the bastion, ${ms.direct.toFixed(0)} ms directly; output: ${result.bastionMbPerSecond.toFixed(0)} MB/s recorded, ${result.directMbPerSecond.toFixed(0)} MB/s directly (medians)`,
    )
    return result
  } finally {
    await gateway.stop()
    await sshd?.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

type Way = (command: string) => Promise<number>

/** Medians in milliseconds, of both ways in turns. */
async function times(ways: { readonly bastion: Way; readonly direct: Way }, command: string, runs: number) {
  const [bastion, direct]: [number[], number[]] = [[], []]
  for (let run = 0; run < runs; run++) {
    direct.push(await ways.direct(command))
    bastion.push(await ways.bastion(command))
  }
  return { bastion: median(bastion), direct: median(direct) }
}

async function overBastion(api: RestClient, command: string): Promise<number> {
  const grant = await api.create('/ssh-sessions', { host: 'edge-1' })
  return timed({ command: String(grant['command']), ticket: String(grant['ticket']) }, command, [])
}

function directWay(directory: string, { port, login }: RealSshd, ca: Parameters<typeof ed25519Line>[0]): Way {
  const key = newSshKey()
  const nowSeconds = Math.floor(Date.now() / 1000)
  const certificate = {
    publicKey: ed25519KeyOf(key.publicKey) ?? Buffer.alloc(0),
    serial: 1n,
    keyId: 'bench',
    principals: [login],
    validAfter: nowSeconds - 60,
    validBefore: nowSeconds + 3_600,
    criticalOptions: {},
    extensions: [],
  }
  const keyFile = join(directory, 'key')
  writeFileSync(keyFile, key.privateKey.expose(), { mode: 0o600 })
  writeFileSync(`${keyFile}-cert.pub`, `${signUserCertificate(certificate, ca)}\n`)
  return (command) => timed({ command: `ssh -p ${port} ${login}@127.0.0.1`, ticket: '' }, command, ['-i', keyFile])
}

async function timed(where: Parameters<typeof ssh>[0], command: string, flags: readonly string[]): Promise<number> {
  const startedMs = performance.now()
  const { code, stderr } = await ssh(where, [command], { flags })
  if (code !== 0) throw new Error(`ssh ended with ${code}: ${stderr}`)
  return performance.now() - startedMs
}

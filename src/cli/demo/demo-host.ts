import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, constants, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { childEnvironment } from '../../config/cli-environment.ts'

const START_MS_MAX = 5_000
/** Where servers are, which `PATH` often leaves out. */
const SERVER_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin']

/** OpenSSH's server on loopback, which trusts one CA and lets in whoever runs the demo. */
export interface DemoHost {
  readonly port: number
  /** As an OpenSSH line. */
  readonly hostKey: string
  readonly login: string
  stop(): Promise<void>
}

/**
 * Starts a host of its own for the demo, which changes nothing on this machine.
 * @param trusted OpenSSH line of the CA
 * @returns the host, or why there is none
 */
export async function startDemoHost(directory: string, trusted: string): Promise<DemoHost | string> {
  const sshd = await findSshd()
  if (sshd === undefined) return 'there is no OpenSSH server (sshd) on this machine'
  const [keyFile, configFile, login] = [join(directory, 'host'), join(directory, 'sshd_config'), userInfo().username]
  try {
    const words = ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', keyFile]
    await promisify(execFile)('ssh-keygen', words)
    const { stdout } = await promisify(execFile)('ssh-keygen', ['-y', '-f', keyFile])
    const port = await freePort()
    await writeFile(join(directory, 'ca.pub'), `${trusted}\n`)
    await writeFile(configFile, configOf(directory, port, login))
    const stop = await start(sshd, configFile)
    return typeof stop === 'string' ? stop : { port, hostKey: stdout.trim(), login, stop }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** @returns how it is stopped, or what it complained of */
async function start(sshd: string, configFile: string): Promise<(() => Promise<void>) | string> {
  const server = spawn(sshd, ['-D', '-e', '-f', configFile], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: childEnvironment(),
  })
  const exited = once(server, 'exit')
  let said = ''
  const listens = new Promise<boolean>((resolve) => {
    server.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4_000)
      if (said.includes('Server listening')) resolve(true)
    })
    void exited.then(() => resolve(false))
    setTimeout(() => resolve(false), START_MS_MAX).unref()
  })
  const stop = async (): Promise<void> => {
    server.kill()
    await exited
  }
  if (await listens) return stop
  if (server.exitCode === null) await stop()
  return `sshd does not start: ${said.trim().split('\n').at(-1) ?? ''}`
}

async function findSshd(): Promise<string | undefined> {
  for (const folder of [...(childEnvironment()['PATH'] ?? '').split(delimiter), ...SERVER_FOLDERS]) {
    const path = join(folder, 'sshd')
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    // sshd starts itself anew for each connection, for which it has to know its whole path.
    if (isThere && path.startsWith('/')) return path
  }
  return undefined
}

function configOf(directory: string, port: number, login: string): string {
  return `Port ${port}
ListenAddress 127.0.0.1
HostKey ${directory}/host
PidFile none
TrustedUserCAKeys ${directory}/ca.pub
AuthorizedKeysFile none
AllowUsers ${login}
PasswordAuthentication no
KbdInteractiveAuthentication no
DisableForwarding yes
UsePAM no
StrictModes no
`
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  listener.close()
  await once(listener, 'close')
  if (address === null || typeof address === 'string') throw new TypeError('a TCP listener has a port')
  return address.port
}

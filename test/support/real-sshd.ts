import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { findSshd } from '../components/sshd.ts'
import { exercised } from './components.ts'
import { freePort } from './free-port.ts'
import { until } from './until.ts'

/** A real OpenSSH server that trusts one certificate authority. */
export interface RealSshd {
  readonly port: number
  /** Its host key as an OpenSSH line. */
  readonly hostKey: string
  /** The account that can be logged in to. */
  readonly login: string
  /** What it has logged so far. */
  log(): string
  stop(): Promise<void>
}

export interface SshdSettings {
  /** OpenSSH lines for `TrustedUserCAKeys`. */
  readonly trusted: string
  /** OpenSSH lines for `authorized_keys`. */
  readonly authorized?: string
}

// As root it needs an account of its own and one to log in to, which this machine does not have: they are shown to it
// alone. It ends with its input, so also when the test's process dies.
const SCRIPT = `exec 3<&0
if [ "$(id -u)" = 0 ]; then mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/shadow" /etc/shadow || exit 9; fi
"$2" -D -e -f "$1/sshd_config" </dev/null & pid=$!; cat <&3 >/dev/null; kill "$pid"; wait "$pid"`

/** Starts OpenSSH's server. @returns undefined where there is none */
export async function startSshd({ trusted, authorized = '' }: SshdSettings): Promise<RealSshd | undefined> {
  const sshd = await findSshd()
  if (sshd === undefined) return undefined
  const isRoot = process.getuid?.() === 0
  const folder = mkdtempSync(join(tmpdir(), 'certlocker-sshd-'))
  chmodSync(folder, 0o755)
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'host')])
  const port = await freePort()
  writeFileSync(join(folder, 'ca.pub'), `${trusted}\n`)
  writeFileSync(join(folder, 'authorized_keys'), `${authorized}\n`)
  writeFileSync(join(folder, 'sshd_config'), configOf(folder, port))
  if (isRoot) giveAccounts(folder)
  const arguments_ = ['/bin/sh', '-c', SCRIPT, 'sshd', folder, sshd.path]
  const [command = '', ...rest] = isRoot ? ['unshare', '--mount', ...arguments_] : arguments_
  const server = spawn(command, rest, {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], ...sshd.environment },
  })
  const exited = once(server, 'exit')
  let log = ''
  server.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString()
  })
  await until(async () => {
    if (server.exitCode !== null) throw new Error(`sshd ended: ${log}`)
    return log.includes('Server listening')
  })
  exercised('sshd')
  return {
    port,
    hostKey: readFileSync(join(folder, 'host.pub'), 'utf8').trim(),
    login: isRoot ? 'deploy' : userInfo().username,
    log: () => log,
    stop: async () => {
      server.stdin.end()
      await exited
      rmSync(folder, { recursive: true })
    },
  }
}

function configOf(folder: string, port: number): string {
  return `Port ${port}
ListenAddress 127.0.0.1
HostKey ${folder}/host
PidFile none
TrustedUserCAKeys ${folder}/ca.pub
AuthorizedKeysFile ${folder}/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
LogLevel VERBOSE
MaxStartups 100
`
}

function giveAccounts(folder: string): void {
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  mkdirSync(join(folder, 'home'))
  chmodSync(join(folder, 'home'), 0o777)
  const accounts = `${readFileSync('/etc/passwd', 'utf8').trimEnd()}
sshd:x:65501:65534::/run/sshd:/usr/sbin/nologin
deploy:x:65502:65534::${folder}/home:/bin/sh
web:x:65503:65534::${folder}/home:/bin/sh
`
  writeFileSync(join(folder, 'passwd'), accounts)
  writeFileSync(
    join(folder, 'shadow'),
    'root:*:19000:0:99999:7:::\ndeploy:*:19000:0:99999:7:::\nweb:*:19000:0:99999:7:::\n',
  )
}

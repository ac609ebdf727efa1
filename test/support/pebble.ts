import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { goTools, obtainGoTool } from '../components/go-tool.ts'
import { aCertificate } from './certificates.ts'
import { freePorts } from './free-port.ts'
import { until } from './until.ts'

/** A real ACME server that looks at challenges on loopback, with a DNS server that the test can tell what to say. */
export interface Pebble {
  readonly directoryUrl: string
  /** Certificates (PEM) that its server is checked against, as a file. */
  readonly caFile: string
  /** Where it looks for http-01 challenges, whatever the name. */
  readonly http01Port: number
  /** POST with JSON to its DNS server: `set-txt {host, value}`, `clear-txt {host}`. */
  readonly dnsUrl: string
  /** Has its renewal information (RFC 9773) say that a certificate's window is open since yesterday. */
  openRenewalWindow(certificate: string): Promise<void>
  stop(): Promise<void>
}

// A server ends with its input, so also when the test's process dies.
const SCRIPT = 'exec 3<&0; "$0" "$@" </dev/null & pid=$!; cat <&3 >/dev/null; kill "$pid"; wait "$pid"'

/**
 * Starts Pebble and its challenge test server.
 * @param settings further environment, such as PEBBLE_WFE_NONCEREJECT
 * @param further members of its configuration, such as `externalAccountMACKeys`
 */
export async function startPebble(
  settings: Readonly<Record<string, string>> = {},
  further: Readonly<Record<string, unknown>> = {},
): Promise<Pebble | undefined> {
  const [pebble, challenges] = [await obtainGoTool(goTools.pebble), await obtainGoTool(goTools.pebbleChallenges)]
  if (typeof pebble === 'string' || typeof challenges === 'string') return undefined
  const home = await mkdtemp(join(tmpdir(), 'certlocker-pebble-'))
  const [acme = 0, management = 0, dns = 0, dnsManagement = 0, http01 = 0, tls = 0] = await freePorts(6)
  const server = aCertificate({ subject: 'pebble', domains: ['localhost'] })
  const files = { cert: join(home, 'cert.pem'), key: join(home, 'key.pem'), config: join(home, 'pebble.json') }
  await writeFile(files.cert, server.certificate)
  await writeFile(files.key, server.key)
  const config = {
    pebble: {
      listenAddress: `127.0.0.1:${acme}`,
      managementListenAddress: `127.0.0.1:${management}`,
      certificate: files.cert,
      privateKey: files.key,
      httpPort: http01,
      tlsPort: tls,
      retryAfter: { authz: 1, order: 1 },
      externalAccountBindingRequired: false,
      profiles: { default: { description: 'default', validityPeriod: 7_776_000 } },
      ...further,
    },
  }
  await writeFile(files.config, JSON.stringify(config))
  const environment = { PATH: process.env['PATH'], PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0', ...settings }
  const flags = [
    '-http01',
    '',
    '-https01',
    '',
    '-tlsalpn01',
    '',
    '-doh',
    '',
    '-defaultIPv6',
    '',
    '-defaultIPv4',
    '127.0.0.1',
  ]
  const started = [
    start(
      challenges.path,
      [...flags, '-dnsserver', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${dnsManagement}`],
      environment,
    ),
    start(pebble.path, ['-config', files.config, '-dnsserver', `127.0.0.1:${dns}`, '-strict'], environment),
  ]
  const dnsUrl = `http://127.0.0.1:${dnsManagement}`
  await until(async () => (await answers(`${dnsUrl}/clear-txt`, '{"host":"x."}')) && (await listens(acme)))
  return {
    directoryUrl: `https://localhost:${acme}/dir`,
    caFile: files.cert,
    http01Port: http01,
    dnsUrl,
    openRenewalWindow: (certificate) => {
      const at = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString()
      const ARIResponse = JSON.stringify({ suggestedWindow: { start: at(-1), end: at(-0.5) } })
      const body = JSON.stringify({ Certificate: certificate, ARIResponse })
      return posted(`https://localhost:${management}/set-renewal-info/`, body, server.certificate)
    },
    async stop() {
      await Promise.all(started.map((each) => each()))
      await rm(home, { recursive: true, force: true })
    },
  }
}

async function posted(url: string, body: string, ca: string): Promise<void> {
  const sent = request(url, { method: 'POST', ca, headers: { 'user-agent': 'test' } }).end(body)
  const [response]: IncomingMessage[] = await once(sent, 'response')
  const text = response === undefined ? '' : await response.setEncoding('utf8').reduce((all, part) => all + part, '')
  if (response?.statusCode !== 200) throw new Error(`${url} answers ${response?.statusCode}: ${text}`)
}

function start(path: string, flags: readonly string[], env: NodeJS.ProcessEnv): () => Promise<void> {
  const server = spawn('/bin/sh', ['-c', SCRIPT, path, ...flags], { stdio: ['pipe', 'ignore', 'ignore'], env })
  const exited = once(server, 'exit')
  return async () => {
    server.stdin.end()
    await exited
  }
}

async function answers(url: string, body: string): Promise<boolean> {
  try {
    return (await fetch(url, { method: 'POST', body })).ok
  } catch {
    return false
  }
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

import { readFile } from 'node:fs/promises'
import { type Role, startGateway } from './app.ts'
import { type ConfigSources, loadConfig } from './config/load-config.ts'
import { FaultError } from './kernel/fault.ts'
import type { FaultCode } from './kernel/faults.ts'
import { standardLog } from './kernel/log.ts'
import type { Secret } from './kernel/secret.ts'

export const exitCodes = { ok: 0, failed: 1, configuration: 78 } as const

const STOP_MS_MAX = 9_500

/**
 * Runs the gateway, or that part of it, until SIGTERM or SIGINT.
 * @returns the process's exit code: 0 after a clean stop, 78 when configuration, keys or log do not permit a start
 */
export async function serve(sources: ConfigSources, role: Role, print: (line: string) => void): Promise<number> {
  const loaded = await loadConfig(sources)
  if (!loaded.ok) {
    for (const { place, problem } of loaded.error) process.stderr.write(`configuration: ${place} ${problem}\n`)
    return exitCodes.configuration
  }
  const { config } = loaded.value
  const log = standardLog('info')
  const stopping = signalled()
  try {
    const io = {
      log,
      auditLine: print,
      adminKey: (key: Secret<string>) => print(`Admin key, shown this once: ${key.expose()}`),
      version: await packageVersion(),
    }
    const gateway = await startGateway(config, io, role)
    if (role === 'all') print(`The SSH bastion listens at ${config.bastion.host}:${gateway.bastion?.place.port}`)
    print(`CertLocker MCP is ready at ${gateway.url}`)
    log.info('stopping', { signal: await stopping })
    const forced = setTimeout(() => process.exit(exitCodes.failed), STOP_MS_MAX).unref()
    await gateway.stop()
    clearTimeout(forced)
    return exitCodes.ok
  } catch (error) {
    if (!(error instanceof FaultError)) log.error('start failed', { error })
    const { code, text } = refusal(error)
    process.stderr.write(`certlocker cannot start: ${text}\n`)
    return code
  }
}

function signalled(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve)
  })
}

/** What may be over by itself, so that a supervisor does well to try again. */
const passing: ReadonlySet<FaultCode> = new Set(['DATABASE_UNAVAILABLE', 'ADDRESS_TAKEN'])

/** Keys, log and policy that do not fit are the operator's to settle. */
function refusal(error: unknown): { code: number; text: string } {
  if (!(error instanceof FaultError))
    return { code: exitCodes.failed, text: error instanceof Error ? error.message : 'unknown error' }
  const { code, message, detail } = error.fault
  return {
    code: passing.has(code) ? exitCodes.failed : exitCodes.configuration,
    text: [message, detail].filter(Boolean).join(': '),
  }
}

async function packageVersion(): Promise<string> {
  const { version }: { version: string } = JSON.parse(
    await readFile(new URL('../package.json', import.meta.url), 'utf8'),
  )
  return version
}

import { readFile } from 'node:fs/promises'
import { startGateway } from './app.ts'
import { type ConfigSources, loadConfig } from './config/load-config.ts'
import { FaultError } from './kernel/fault.ts'
import { standardLog } from './kernel/log.ts'

export const exitCodes = { ok: 0, failed: 1, configuration: 78 } as const

const STOP_MS_MAX = 9_500

/**
 * Runs the gateway until SIGTERM or SIGINT.
 * @returns the process's exit code: 0 after a clean stop, 78 when configuration, keys or log do not permit a start
 */
export async function serve(sources: ConfigSources, print: (line: string) => void): Promise<number> {
  const loaded = await loadConfig(sources)
  if (!loaded.ok) {
    for (const { place, problem } of loaded.error) process.stderr.write(`configuration: ${place} ${problem}\n`)
    return exitCodes.configuration
  }
  const { config } = loaded.value
  const log = standardLog('info')
  const stopping = signalled()
  try {
    const gateway = await startGateway(config, {
      log,
      auditLine: print,
      adminKey: (key) => print(`Admin key, shown this once: ${key.expose()}`),
      version: await packageVersion(),
    })
    print(`CertLocker MCP is ready at ${gateway.url}`)
    log.info('stopping', { signal: await stopping })
    const forced = setTimeout(() => process.exit(exitCodes.failed), STOP_MS_MAX).unref()
    await gateway.stop()
    clearTimeout(forced)
    return exitCodes.ok
  } catch (error) {
    const { code, text } = refusal(error)
    process.stderr.write(`certlocker cannot start: ${text}\n`)
    if (code === exitCodes.failed) log.error('start failed', { error })
    return code
  }
}

function signalled(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve)
  })
}

/** Keys, log and policy that do not fit are the operator's to settle; a database that is away may come back. */
function refusal(error: unknown): { code: number; text: string } {
  if (!(error instanceof FaultError))
    return { code: exitCodes.failed, text: error instanceof Error ? error.message : 'unknown error' }
  const { code, message, detail } = error.fault
  return {
    code: code === 'DATABASE_UNAVAILABLE' ? exitCodes.failed : exitCodes.configuration,
    text: [message, detail].filter(Boolean).join(': '),
  }
}

async function packageVersion(): Promise<string> {
  const { version }: { version: string } = JSON.parse(
    await readFile(new URL('../package.json', import.meta.url), 'utf8'),
  )
  return version
}

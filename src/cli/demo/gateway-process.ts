import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { childEnvironment } from '../../config/cli-environment.ts'

const READY_MS_MAX = 60_000
const LINE_MS_MAX = 10_000

/** A real gateway in a process of its own, and the audit lines it prints. */
export interface GatewayProcess {
  readonly url: string
  /** The audit lines that carry a request id, once there are as many as asked for. */
  auditLines(requestId: string, count: number): Promise<readonly string[]>
  stop(): Promise<void>
}

/** @throws Error with the gateway's last words when it does not become ready */
export async function startGatewayProcess({
  dataDir,
  adminKey,
}: {
  readonly dataDir: string
  readonly adminKey: string
}): Promise<GatewayProcess> {
  const program = fileURLToPath(new URL('../run.js', import.meta.url))
  const child = spawn(process.execPath, [program, 'serve'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...childEnvironment(),
      CERTLOCKER_DATA_DIR: dataDir,
      CERTLOCKER_HTTP__PORT: '0',
      CERTLOCKER_BASTION__PORT: '0',
      CERTLOCKER_BOOTSTRAP__ADMIN_KEY: adminKey,
      // Where the demo's own proxy listens.
      CERTLOCKER_EGRESS__PRIVATE_CIDRS: '127.0.0.0/8',
      // Nobody decides while a question of the demo is held.
      CERTLOCKER_APPROVALS__HOLD_SECONDS: '1',
    },
  })
  const lines = new LineLog()
  createInterface({ input: child.stdout }).on('line', (line) => lines.add(line))
  let lastWords = ''
  child.stderr.on('data', (chunk: Buffer) => {
    lastWords = (lastWords + chunk.toString()).slice(-4000)
  })
  const exited = once(child, 'exit').then(() => {
    throw new Error(`the gateway stopped before it was ready:\n${lastWords}`)
  })
  const [ready] = await Promise.race([lines.matching((line) => / ready at http/.test(line), 1, READY_MS_MAX), exited])
  exited.catch(() => undefined)
  const url = /ready at (\S+)/.exec(ready ?? '')?.[1] ?? ''
  return {
    url,
    auditLines: (requestId, count) =>
      lines.matching((line) => line.includes(`requestId=${requestId}`), count, LINE_MS_MAX),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    },
  }
}

class LineLog {
  readonly #lines: string[] = []
  #waiting: (() => void)[] = []

  add(line: string): void {
    this.#lines.push(line)
    const waiting = this.#waiting
    this.#waiting = []
    for (const check of waiting) check()
  }

  async matching(fits: (line: string) => boolean, count: number, msMax: number): Promise<readonly string[]> {
    const deadline = AbortSignal.timeout(msMax)
    for (;;) {
      const found = this.#lines.filter(fits)
      if (found.length >= count) return found
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push(resolve)
        deadline.addEventListener(
          'abort',
          () => reject(new Error('the gateway did not print what was expected in time')),
          { once: true },
        )
      })
    }
  }
}

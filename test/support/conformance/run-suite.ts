import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const suite = 'node_modules/@modelcontextprotocol/conformance/dist/index.js'
const hooks = './test/support/conformance/node-20-fs.js'

export interface SuiteOutcome {
  readonly exitCode: number
  readonly output: string
}

/** Runs the official suite's server scenarios that the flags choose. Exit code 0: nothing failed but what was expected to. */
export async function runSuite(url: string, flags: readonly string[]): Promise<SuiteOutcome> {
  const results = await mkdtemp(join(tmpdir(), 'certlocker-conformance-'))
  const argv = ['--import', hooks, suite, 'server', '--url', url, '-o', results, ...flags]
  try {
    return await new Promise((resolve) => {
      execFile(process.execPath, argv, (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
        resolve({ exitCode, output: `${stdout}${stderr}` })
      })
    })
  } finally {
    await rm(results, { recursive: true, force: true })
  }
}

import { spawn } from 'node:child_process'
import { resolveOpa } from './opa-tool.ts'

export interface OpaRun {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface OpaRunOptions {
  readonly cwd: string
  readonly stdin?: string
}

/** The pinned `opa` could not be had. The message says what was tried and what to do. */
export class OpaMissingError extends Error {}

/**
 * Runs the pinned `opa` to its end.
 * @throws OpaMissingError when it cannot be had; a failing run is an exit code, not an error
 */
export async function runOpa(arguments_: readonly string[], options: OpaRunOptions): Promise<OpaRun> {
  resolved ??= opaPath()
  const path = await resolved
  return new Promise((resolve, reject) => {
    const child = spawn(path, arguments_, { cwd: options.cwd, stdio: 'pipe' })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject).on('close', (code) => resolve({ exitCode: code ?? 1, stdout, stderr }))
    // A run that fails early closes its input; its exit code tells the story.
    child.stdin.on('error', () => undefined).end(options.stdin ?? '')
  })
}

let resolved: Promise<string> | undefined

async function opaPath(): Promise<string> {
  const tool = await resolveOpa()
  if (!tool.ok) throw new OpaMissingError(tool.error)
  return tool.value.path
}

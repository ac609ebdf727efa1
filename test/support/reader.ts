import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** A fenced block of a page: ```` ```sh name ````. */
export interface Block {
  readonly language: string
  /** Empty for a block that a reader runs as it stands. */
  readonly name: string
  readonly text: string
}

export async function blocksOf(page: string): Promise<readonly Block[]> {
  const text = await readFile(page, 'utf8')
  return [...text.matchAll(/^( *)```(\w+) ?(\w*)\n([^]*?)^\1```$/gmu)].map(
    ([, , language = '', name = '', content = '']) => ({ language, name, text: content }),
  )
}

/** Someone who follows a page in a shell of their own, in a folder of their own. */
export interface Reader {
  readonly folder: string
  /** What they have exported so far. */
  readonly environment: Record<string, string>
  /** @returns what is printed on standard output @throws when a command fails */
  run(script: string): Promise<string>
  leave(): Promise<void>
}

export async function reader(environment: Readonly<Record<string, string>>): Promise<Reader> {
  const folder = await mkdtemp(join(tmpdir(), 'certlocker-reader-'))
  const npx = join(folder, 'npx')
  await writeFile(npx, `#!/bin/sh\nshift\nexec ${process.execPath} ${resolve('src/launch.js')} "$@"\n`)
  await chmod(npx, 0o755)
  const exported = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, ...environment }
  return {
    folder,
    environment: exported,
    run: (script) =>
      new Promise((done, fail) => {
        execFile('/bin/sh', ['-euc', script], { env: exported, cwd: folder }, (error, stdout, stderr) =>
          error === null ? done(stdout) : fail(new Error(`${script}\n${stdout}\n${stderr}`, { cause: error })),
        )
      }),
    leave: () => rm(folder, { recursive: true, force: true }),
  }
}

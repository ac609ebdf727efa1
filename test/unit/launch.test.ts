import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

let checkout: string

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'certlocker-launch-'))
  mkdirSync(join(checkout, 'src/cli'), { recursive: true })
  copyFileSync('src/launch.js', join(checkout, 'src/launch.js'))
  copyFileSync('tsconfig.json', join(checkout, 'tsconfig.json'))
  writeFileSync(join(checkout, 'package.json'), '{"type": "module"}')
  symlinkSync(resolve('node_modules'), join(checkout, 'node_modules'))
  commandLineSays('built')
})

afterEach(() => rmSync(checkout, { recursive: true, force: true }))

function commandLineSays(word: string): void {
  const source = `export async function run(words: readonly string[]): Promise<number> {
    console.log('${word}', ...words)
    return 3
  }`
  writeFileSync(join(checkout, 'src/cli/main.ts'), source)
}

async function launch(...words: string[]): Promise<{ code: unknown; out: string; problem: string }> {
  const child = spawn(process.execPath, [join(checkout, 'src/launch.js'), ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const code = new Promise((settle) => child.once('close', settle))
  const [out, problem] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await code, out: out.trim(), problem }
}

describe('launching from a checkout', () => {
  test('builds what is missing, hands over the words and exits with the code it gets', async () => {
    expect(await launch('audit', 'verify')).toEqual({ code: 3, out: 'built audit verify', problem: '' })
  })

  test('builds again after a change, and not before', async () => {
    await launch()
    writeFileSync(
      join(checkout, 'dist/cli/main.js'),
      "export const run = async () => console.log('not built again') ?? 0",
    )
    expect((await launch()).out).toBe('not built again')
    commandLineSays('changed')
    expect((await launch()).out).toBe('changed')
  })

  test('forgets what a deleted source was built to, and copies what needs no compiler', async () => {
    writeFileSync(join(checkout, 'src/old.ts'), '')
    writeFileSync(join(checkout, 'src/plain.js'), 'export const plain = 1')
    writeFileSync(
      join(checkout, 'src/cli/main.ts'),
      "import '../plain.js'\nimport '../old.ts'\nexport const run = async () => 0",
    )
    expect((await launch()).code).toBe(0)
    rmSync(join(checkout, 'src/old.ts'))
    expect((await launch()).problem).toContain('old.js')
  })

  test('works when launched several times at once', async () => {
    const launches = await Promise.all([launch(), launch(), launch(), launch()])
    expect(launches).toEqual(Array.from({ length: 4 }, () => ({ code: 3, out: 'built', problem: '' })))
  })

  test('is not held up by a build that was killed', async () => {
    mkdirSync(join(checkout, '.cache'))
    const gone = spawn(process.execPath, ['--version'])
    await new Promise((settle) => gone.once('exit', settle))
    writeFileSync(join(checkout, '.cache/build.lock'), String(gone.pid))
    expect((await launch()).out).toBe('built')
  })

  test('says what does not compile and keeps the old build', async () => {
    await launch()
    writeFileSync(join(checkout, 'src/broken.ts'), 'export const = 1')
    const { code, problem } = await launch()
    expect(code).toBe(1)
    expect(problem).toMatch(/the build failed\n.*src\/broken\.ts/u)
    rmSync(join(checkout, 'src/broken.ts'))
    expect((await launch()).out).toBe('built')
  })

  test('with --build-only builds and runs nothing', async () => {
    expect(await launch('--build-only')).toEqual({ code: 0, out: '', problem: '' })
  })
})

describe('launching an installed package, which has no compiler', () => {
  test('runs what it came with, whatever the age of its files', async () => {
    await launch()
    unlinkSync(join(checkout, 'node_modules'))
    commandLineSays('newer')
    expect((await launch()).out).toBe('built')
  })

  test('says what is missing', async () => {
    unlinkSync(join(checkout, 'node_modules'))
    expect(await launch()).toMatchObject({ code: 1, problem: expect.stringContaining('run npm ci') })
  })
})

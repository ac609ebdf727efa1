import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { resolveOpa } from '../../src/cli/policy/opa-tool.ts'

const pins = { version: '1.22.2', goPackage: 'example.com/opa', goTags: 'opa_wasm', sha256: {} }

let home: string

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'certlocker-tool-'))
})

afterEach(async () => {
  await rm(home, { recursive: true, force: true })
})

/** Stands in for the real tool, which is 45 MB: it only has to say its version. */
async function executable(path: string, script: string): Promise<string> {
  const file = join(home, path)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, `#!/bin/sh\n${script}\n`)
  await chmod(file, 0o755)
  return file
}

function opaOf(version: string): string {
  return `echo "Version: ${version}"`
}

function resolve(more: Readonly<Record<string, string>> = {}) {
  return resolveOpa({ pins, environment: { HOME: home, PATH: join(home, 'bin'), ...more } })
}

describe('the pinned opa', () => {
  test('is the one that OPA names, when its version is right', async () => {
    const path = await executable('mine/opa', opaOf('1.22.2'))
    await executable('bin/opa', opaOf('1.22.2'))
    expect(await resolve({ OPA: path })).toEqual({ ok: true, value: { path, from: 'OPA' } })
  })

  test('is the one on PATH, when OPA names another version', async () => {
    const path = await executable('mine/opa', opaOf('1.22.20'))
    await executable('bin/opa', opaOf('1.22.2'))
    expect(await resolve({ OPA: path })).toEqual({ ok: true, value: { path: 'opa', from: 'PATH' } })
  })

  test('is the one in the cache, when that on PATH is of another version', async () => {
    await executable('bin/opa', opaOf('1.19.0'))
    const path = await executable('.cache/certlocker/tools/opa-1.22.2/opa', opaOf('1.22.2'))
    expect(await resolve()).toEqual({ ok: true, value: { path, from: 'cache' } })
  })

  test('is looked for in the cache that XDG_CACHE_HOME names', async () => {
    const path = await executable('xdg/certlocker/tools/opa-1.22.2/opa', opaOf('1.22.2'))
    expect(await resolve({ XDG_CACHE_HOME: join(home, 'xdg') })).toEqual({ ok: true, value: { path, from: 'cache' } })
  })

  test('is installed into the cache by go, without cgo and with the WASM runtime', async () => {
    const check = '[ "$CGO_ENABLED" = 0 ] && [ "$1 $6 $7" = "install opa_wasm example.com/opa@v1.22.2" ] || exit 1'
    const write = `printf '#!/bin/sh\\necho "Version: 1.22.2"\\n' > "$GOBIN/opa"; /bin/chmod 755 "$GOBIN/opa"`
    await executable('bin/go', `${check}\n${write}`)
    const path = join(home, '.cache/certlocker/tools/opa-1.22.2/opa')
    expect(await resolve()).toEqual({ ok: true, value: { path, from: 'go install' } })
    expect(await readdir(dirname(path))).toEqual(['opa'])
  })

  test('is not downloaded without a digest to check it by, and what to do is said', async () => {
    await executable('bin/opa', opaOf('1.19.0'))
    const tool = await resolve()
    const text = tool.ok ? '' : tool.error
    expect(text).toContain('opa 1.22.2 is needed and was not found')
    expect(text).toContain('opa is version 1.19.0')
    expect(text).toMatch(/download: package\.json holds no digest of the release file for \w+/)
    expect(text).toContain('Put opa 1.22.2 on PATH, name it in the variable OPA')
  })
})

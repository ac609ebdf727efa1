import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { bundleBounds, readBundle } from '../../../src/policy/bundle.ts'
import { entriesMax } from '../../../src/policy/tar.ts'
import { answering, compiled, type Entry, tarball } from './make-bundle.ts'

const shipped = readFileSync(new URL('../../../bundles/certlocker.tar.gz', import.meta.url))
const manifest = {
  name: '/.manifest',
  content: JSON.stringify({ wasm: [{ entrypoint: 'certlocker/main/decision', module: '/policy.wasm' }] }),
}
const wasm = { name: '/policy.wasm', content: 'wasm' }

function reading(...entries: Entry[]) {
  const bundle = readBundle(tarball(entries))
  return bundle.ok ? 'accepted' : bundle.error.code
}

test('the shipped bundle is read with its version, data and files', () => {
  const bundle = readBundle(shipped)
  const digest = `sha256:${createHash('sha256').update(shipped).digest('hex')}`
  expect(bundle).toMatchObject({
    ok: true,
    value: { version: { digest, sequence: 0 }, data: { certlocker: { config: {} } } },
  })
  expect(bundle.ok && [...bundle.value.files.keys()]).toEqual(
    expect.arrayContaining(['policy.wasm', 'data.json', '.manifest']),
  )
})

describe('a compiled bundle', () => {
  let built: Buffer
  beforeAll(async () => {
    built = await compiled(answering({}), { manifest: { metadata: { sequence: 7 } } })
  })

  test('says its revision and sequence', () => {
    expect(readBundle(built)).toMatchObject({ ok: true, value: { version: { revision: 'r1', sequence: 7 } } })
  })

  test('is refused when it is cut short anywhere', () => {
    for (const length of [0, 10, built.length >> 1, built.length - 1]) {
      expect(readBundle(built.subarray(0, length))).toMatchObject({ ok: false, error: { code: 'BUNDLE_MALFORMED' } })
    }
  })
})

test('the smallest bundle is a module and a manifest that names the entrypoint', () => {
  expect(reading(wasm, manifest)).toBe('accepted')
})

test.each<[string, Entry[]]>([
  ['no module', [manifest]],
  ['no manifest', [wasm]],
  ['a manifest without the entrypoint', [wasm, { name: '/.manifest', content: '{"wasm": []}' }]],
  [
    'a manifest that names another module',
    [wasm, { ...manifest, content: manifest.content.replace('/policy.wasm', '/other.wasm') }],
  ],
  [
    'a manifest with a negative sequence',
    [wasm, { ...manifest, content: manifest.content.replace('{', '{"metadata":{"sequence":-1},') }],
  ],
  ['data in a subdirectory', [wasm, manifest, { name: '/custom/data.json', content: '{}' }]],
  ['a signature that is not at the top', [wasm, manifest, { name: '/x/.signatures.json', content: '{}' }]],
  ['a symbolic link', [wasm, manifest, { name: '/a.rego', type: '2' }]],
  ['a hard link', [wasm, manifest, { name: '/a.rego', type: '1' }]],
  ['a directory', [wasm, manifest, { name: '/a/', type: '5' }]],
  ['an extension header', [wasm, manifest, { name: '/a.rego', type: 'x' }]],
  ['a size beyond the archive', [wasm, manifest, { name: '/a.rego', size: '77777777777' }]],
  ['a size that is not octal', [wasm, manifest, { name: '/a.rego', size: '-1' }]],
  ['data that is not JSON', [wasm, manifest, { name: '/data.json', content: '{"certlocker": {},}' }]],
  ['data that is not UTF-8', [wasm, manifest, { name: '/data.json', content: Buffer.from([0x22, 0xff, 0x22]) }]],
  ['data that is no object', [wasm, manifest, { name: '/data.json', content: '[]' }]],
])('%s is refused as malformed', (_, entries) => {
  expect(reading(...entries)).toBe('BUNDLE_MALFORMED')
})

test.each<[string, string, Entry[]]>([
  ['BUNDLE_NAME_TWICE', 'a name twice', [wasm, wasm, manifest]],
  ['BUNDLE_NAME_TWICE', 'a name twice, once without the slash', [wasm, { ...wasm, name: 'policy.wasm' }, manifest]],
  ['BUNDLE_NAME_UNSAFE', 'a name that leaves the archive', [wasm, manifest, { name: '/../up.rego' }]],
  ['BUNDLE_NAME_UNSAFE', 'a name with an empty part', [wasm, manifest, { name: '//a.rego' }]],
])('%s: %s is refused as what it is', (code, _, entries) => {
  expect(reading(...entries)).toBe(code)
})

test('a delta is refused as what it is, since it cannot be signed', () => {
  expect(reading(wasm, manifest, { name: '/patch.json', content: '{}' })).toBe('BUNDLE_DELTA')
})

test('an archive with bytes after its end, without an end, or with a broken checksum is refused', () => {
  const broken = [
    tarball([wasm, manifest], Buffer.concat([Buffer.alloc(1024), Buffer.from('more')])),
    tarball([wasm, manifest], Buffer.alloc(0)),
    gzipSync(Buffer.from('policy.wasm'.padEnd(1024))),
    Buffer.from('not gzip'),
  ]
  for (const bytes of broken)
    expect(readBundle(bytes)).toMatchObject({ ok: false, error: { code: 'BUNDLE_MALFORMED' } })
})

test.each([
  ['certlocker.rules', { certlocker: { rules: { evil: { allow: [] } } } }],
  ['certlocker.main', { certlocker: { main: { decision: {} } } }],
  ['certlocker.lib', { certlocker: { lib: {} } }],
  ['certlocker itself', { certlocker: [] }],
  ['custom', { custom: { evil: { allow: [] } } }],
  ['anywhere but the tunables', { system: {} }],
  ['an inherited-looking name', JSON.parse('{"__proto__": {"x": 1}}')],
])('data under %s is refused, since it would merge with rules', (_, data) => {
  expect(reading(wasm, manifest, { name: '/data.json', content: JSON.stringify(data) })).toBe(
    'BUNDLE_DATA_UNDER_POLICY',
  )
})

test('tunables are data, and a package of their name is refused', () => {
  const data = { name: '/data.json', content: '{"certlocker": {"config": {"a": 1}}}' }
  expect(reading(wasm, manifest, data)).toBe('accepted')
  for (const path of ['certlocker.config', 'certlocker["config"].a', 'certlocker.config.b # x']) {
    expect(reading(wasm, manifest, data, { name: '/a.rego', content: `# x\npackage ${path}\n` })).toBe(
      'BUNDLE_DATA_UNDER_POLICY',
    )
  }
  expect(reading(wasm, manifest, data, { name: '/a.rego', content: 'package certlocker.configuration\n' })).toBe(
    'accepted',
  )
})

describe('bounds', () => {
  const dataOf = (bytes: number) => ({ name: '/data.json', content: `{}${' '.repeat(bytes - 2)}` })

  test('data fits at the limit and is refused one byte past it', () => {
    expect(reading(wasm, manifest, dataOf(bundleBounds.dataBytesMax))).toBe('accepted')
    expect(reading(wasm, manifest, dataOf(bundleBounds.dataBytesMax + 1))).toBe('BUNDLE_TOO_LARGE')
  })

  test('files fit at the limit and are refused one past it', () => {
    const files = Array.from({ length: entriesMax - 2 }, (_, index) => ({ name: `/${index}.rego` }))
    expect(reading(wasm, manifest, ...files)).toBe('accepted')
    expect(reading(wasm, manifest, ...files, { name: '/one-more.rego' })).toBe('BUNDLE_TOO_LARGE')
  })

  test('a gunzip bomb is refused without unpacking it', () => {
    const bomb = gzipSync(Buffer.alloc(bundleBounds.unpackedBytesMax + 512))
    expect(bomb.length).toBeLessThan(bundleBounds.tarballBytesMax)
    expect(readBundle(bomb)).toMatchObject({ ok: false, error: { code: 'BUNDLE_BOMB' } })
  })

  test('a tarball one byte past the limit is refused before it is looked at', () => {
    const one = Buffer.alloc(bundleBounds.tarballBytesMax + 1)
    expect(readBundle(one)).toMatchObject({ ok: false, error: { code: 'BUNDLE_TOO_LARGE' } })
    expect(readBundle(one.subarray(1))).toMatchObject({ ok: false, error: { code: 'BUNDLE_MALFORMED' } })
  })
})

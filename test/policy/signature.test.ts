import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../src/cli/policy/package-root.ts'
import { runOpa } from '../../src/cli/policy/run-opa.ts'
import { readBundle } from '../../src/policy/bundle.ts'
import { signFiles, verifySignature } from '../../src/policy/bundle-signature.ts'
import { goJson } from '../../src/policy/go-json.ts'
import { type PolicyKey, policyPrivateKey, policyPublicKey } from '../../src/policy/policy-key.ts'
import { signBundle } from '../../src/policy/sign-bundle.ts'
import { cliFor } from '../support/cli.ts'
import { exercised } from '../support/components.ts'
import { tarball } from '../unit/policy/make-bundle.ts'

const shipped = await readFile(join(packageRoot, 'bundles', 'certlocker.tar.gz'))
const cli = cliFor('http://127.0.0.1:1', undefined)

const pairs = {
  EdDSA: generateKeyPairSync('ed25519'),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
} as const
const privatePem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const publicPem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()
const signer = (name: keyof typeof pairs, id?: string) =>
  valueOf(policyPrivateKey(privatePem(pairs[name].privateKey), id))
const verifier = (name: keyof typeof pairs, id?: string) =>
  valueOf(policyPublicKey(publicPem(pairs[name].publicKey), id))

let directory: string
const at = (name: string) => join(directory, name)
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'certlocker-sign-'))
  for (const [name, { privateKey, publicKey }] of Object.entries(pairs)) {
    await writeFile(at(`${name}.pem`), privatePem(privateKey))
    await writeFile(at(`${name}.pub`), publicPem(publicKey))
  }
  await writeFile(at('bundle.tar.gz'), shipped)
})
afterAll(() => rm(directory, { recursive: true }))

describe.each(['EdDSA', 'ES256', 'RS256'] as const)('%s', (alg) => {
  test('signed here is verified by opa, and a changed byte is not', async () => {
    const [signed, other] = [at(`${alg}.tar.gz`), alg === 'RS256' ? 'EdDSA' : 'RS256']
    const made = await cli([
      'policy',
      'sign',
      at('bundle.tar.gz'),
      '--key',
      at(`${alg}.pem`),
      '--alg',
      alg,
      '-o',
      signed,
    ])
    expect(made).toMatchObject({ exitCode: 0, stderr: '' })
    expect(await opaVerifies(signed, alg, alg)).toMatchObject({ exitCode: 0 })
    exercised('opa')
    expect((await opaVerifies(signed, other, other)).exitCode).not.toBe(0)
    expect((await opaVerifies(at('bundle.tar.gz'), alg, alg)).exitCode).not.toBe(0)
    expect(await cli(['policy', 'verify', signed, '--key', at(`${alg}.pub`)])).toMatchObject({ exitCode: 0 })
    const refused = await cli(['policy', 'verify', signed, '--key', at(`${other}.pub`)])
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('BUNDLE_SIGNATURE_INVALID') })
  })

  test('signed by opa is verified here', async () => {
    const { exitCode, stderr } = await runOpa(
      [
        'sign',
        '--signing-alg',
        alg,
        '--signing-key',
        at(`${alg}.pem`),
        '--bundle',
        at('bundle.tar.gz'),
        '-o',
        directory,
      ],
      { cwd: directory },
    )
    expect(stderr).toBe('')
    expect(exitCode).toBe(0)
    const files = new Map(filesOf(shipped)).set('.signatures.json', await readFile(at('.signatures.json')))
    expect(verifySignature(files, { keys: [verifier(alg)], scope: undefined })).toEqual({ ok: true, value: undefined })
  })
})

describe('a signature', () => {
  const files = filesOf(shipped)
  const signed = (key: PolicyKey = signer('EdDSA'), scope?: string) =>
    new Map(files).set('.signatures.json', Buffer.from(valueOf(signFiles(files, key, scope))))
  const check = (of: Map<string, Uint8Array>, keys = [verifier('EdDSA')], scope?: string) => {
    const result = verifySignature(of, { keys, scope })
    return result.ok ? 'ok' : result.error.code
  }
  const changed = (change: (of: Map<string, Uint8Array>) => unknown) => {
    const of = signed()
    change(of)
    return of
  }

  test.each([
    ['is missing', files, 'BUNDLE_UNSIGNED'],
    ['is whole', signed(), 'ok'],
    ['is for another file content', changed((of) => of.set('policy.wasm', Buffer.from('x'))), 'BUNDLE_TAMPERED'],
    ['does not list a file', changed((of) => of.set('more.rego', Buffer.from('x'))), 'BUNDLE_TAMPERED'],
    ['lists a file that is gone', changed((of) => of.delete('policy.wasm')), 'BUNDLE_TAMPERED'],
    ['is of a document that was only laid out anew', changed(layOut), 'ok'],
    ['is of a document with another number', changed(renumber), 'BUNDLE_TAMPERED'],
    ['has a scope that nobody asked for', signed(signer('EdDSA'), 'prod'), 'BUNDLE_SCOPE_MISMATCH'],
    ['is two signatures', changed(twice), 'BUNDLE_SIGNATURE_INVALID'],
    [
      'is none',
      changed((of) => of.set('.signatures.json', Buffer.from('{"signatures":[]}'))),
      'BUNDLE_SIGNATURE_INVALID',
    ],
    [
      'is no JWS',
      changed((of) => of.set('.signatures.json', Buffer.from('{"signatures":["a.b"]}'))),
      'BUNDLE_SIGNATURE_INVALID',
    ],
    ['is by nobody', changed((of) => of.set('.signatures.json', unsignedToken(of))), 'BUNDLE_SIGNATURE_INVALID'],
  ])('that %s', (_, of, code) => {
    expect(check(new Map(of))).toBe(code)
  })

  test('must have exactly the scope that was asked for', () => {
    expect(check(signed(signer('EdDSA'), 'prod'), [verifier('EdDSA')], 'prod')).toBe('ok')
    expect(check(signed(), [verifier('EdDSA')], 'prod')).toBe('BUNDLE_SCOPE_MISMATCH')
  })

  test('is tried with each key, of those that it names when it names one', () => {
    const named = signed(signer('EdDSA', 'k1'))
    expect(check(named, [verifier('RS256'), verifier('EdDSA', 'k1')])).toBe('ok')
    expect(check(named, [verifier('EdDSA')])).toBe('ok')
    expect(check(named, [verifier('EdDSA', 'k2')])).toBe('BUNDLE_SIGNATURE_INVALID')
    expect(check(named, [])).toBe('BUNDLE_SIGNATURE_INVALID')
  })

  test('is not made or checked with weak or private keys', () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const curve = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    for (const key of [weak, curve]) expect(policyPublicKey(publicPem(key.publicKey)).ok).toBe(false)
    expect(policyPublicKey(privatePem(pairs.EdDSA.privateKey)).ok).toBe(false)
  })

  test('takes the place of the one before', () => {
    const first = valueOf(signBundle(shipped, signer('RS256')))
    const second = valueOf(signBundle(first, signer('EdDSA')))
    expect(second.equals(valueOf(signBundle(shipped, signer('EdDSA'))))).toBe(true)
    expect(check(new Map(filesOf(second)))).toBe('ok')
  })
})

describe('the form that is hashed', () => {
  test.each([
    ['{"b": 1, "a": [1.50, 1e3, 12345678901234567890]}', '{"a":[1.50,1e3,12345678901234567890],"b":1}'],
    ['{"\\u0062":1,"a":2,"\\u0062":3}', '{"a":2,"b":3}'],
    ['{"x":"<>&\\u2028\\/"}', '{"x":"<>&\\u2028/"}'],
    [' "a, b: {}" ', '"a, b: {}"'],
    ['{"\ufb03":1,"\ud83d\ude00":2,"":{}}', '{"":{},"\ufb03":1,"\ud83d\ude00":2}'],
  ])('of %s', (text, form) => {
    expect(goJson(text)).toEqual({ ok: true, value: form })
  })

  test('refuses what is no JSON, or too deep', () => {
    expect(goJson('{"a":}').ok).toBe(false)
    expect(goJson('[1,]').ok).toBe(false)
    expect(goJson('['.repeat(129) + ']'.repeat(129)).ok).toBe(true)
    expect(goJson('['.repeat(130) + ']'.repeat(130)).ok).toBe(false)
  })

  test('is that of opa for numbers, escapes and orders', async () => {
    const data =
      '{"certlocker":{"config":{"z":1.50,"a":[1e3,-0,123456789012345678901234567890],"t":"\\u2028\\b\\f\\u007f<&>\\ud83d\\ude00\\u0001","\\u00e9":null}}}'
    const wasm = filesOf(shipped).get('policy.wasm') ?? Buffer.alloc(0)
    const manifest = filesOf(shipped).get('.manifest') ?? Buffer.alloc(0)
    const odd = tarball([
      { name: '/data.json', content: data },
      { name: '/policy.wasm', content: Buffer.from(wasm) },
      { name: '/.manifest', content: Buffer.from(manifest) },
    ])
    await writeFile(at('odd.tar.gz'), valueOf(signBundle(odd, signer('EdDSA'))))
    expect(await opaVerifies(at('odd.tar.gz'), 'EdDSA', 'EdDSA')).toMatchObject({ stderr: '', exitCode: 0 })
  })
})

function opaVerifies(file: string, alg: string, key: string) {
  const to = at('rebuilt.tar.gz')
  return runOpa(['build', '--bundle', file, '--verification-key', at(`${key}.pub`), '--signing-alg', alg, '-o', to], {
    cwd: directory,
  })
}

function filesOf(bundle: Uint8Array): ReadonlyMap<string, Uint8Array> {
  return valueOf(readBundle(bundle)).files
}

function layOut(of: Map<string, Uint8Array>) {
  const text = Buffer.from(of.get('data.json') ?? []).toString()
  of.set('data.json', Buffer.from(JSON.stringify(JSON.parse(text), null, 4)))
}

function renumber(of: Map<string, Uint8Array>) {
  const text = Buffer.from(of.get('data.json') ?? []).toString()
  const other = text.replace(/\d+/, (digits) => `${digits}1`)
  expect(other).not.toBe(text)
  of.set('data.json', Buffer.from(other))
}

function twice(of: Map<string, Uint8Array>) {
  const { signatures } = JSON.parse(Buffer.from(of.get('.signatures.json') ?? []).toString())
  of.set('.signatures.json', Buffer.from(JSON.stringify({ signatures: [...signatures, ...signatures] })))
}

/** RFC 7515's unsecured form, which no verifier may take. */
function unsignedToken(of: Map<string, Uint8Array>): Buffer {
  const { signatures } = JSON.parse(Buffer.from(of.get('.signatures.json') ?? []).toString())
  const [, payload] = String(signatures[0]).split('.')
  const header = Buffer.from('{"alg":"none"}').toString('base64url')
  return Buffer.from(JSON.stringify({ signatures: [`${header}.${payload}.AA`] }))
}

function valueOf<T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  return result.value
}

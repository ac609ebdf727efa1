import { createPrivateKey, X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  newCertificateRequest,
  readCertificateRequest,
} from '../../../../src/domain/certificates/certificate-request.ts'
import { chainBytesMax, privateKeyProblem, readChain } from '../../../../src/domain/certificates/read-chain.ts'
import { renewalTime } from '../../../../src/domain/certificates/renewal-time.ts'
import { subjectNames } from '../../../../src/domain/certificates/subject-names.ts'
import { readDer, writeDer } from '../../../../src/kernel/der.ts'
import { Secret } from '../../../../src/kernel/secret.ts'
import { aCertificate } from '../../../support/certificates.ts'

const ca = aCertificate({ subject: 'CA' })
const leaf = aCertificate({ subject: 'edge', domains: ['edge.example', '*.edge.example'], issuer: ca.signer })
const other = aCertificate({ subject: 'other', domains: ['other.example'] })

describe('a chain', () => {
  test('is read with all that is shown of it', () => {
    const chain = readChain(leaf.certificate + ca.certificate)
    expect(chain).toMatchObject({
      ok: true,
      value: {
        facts: {
          subject: 'CN=edge',
          sans: ['edge.example', '*.edge.example'],
          issuerName: 'CN=CA',
          keyType: 'EC P-256',
        },
      },
    })
    expect(chain.ok && chain.value.facts.fingerprint).toBe(new X509Certificate(leaf.certificate).fingerprint256)
  })

  test('shows what cannot be printed as such, so that no name passes for another', () => {
    const domains = ['edge.example\u0000.evil', 'ed\u00adge.example', 'a\nb.example']
    const made = readChain(aCertificate({ subject: 'x\u202ey\u200b', domains }).certificate)
    expect(made).toMatchObject({
      value: {
        facts: {
          subject: 'CN=x\ufffdy\ufffd',
          sans: ['edge.example\ufffd.evil', 'ed\ufffdge.example', 'a\ufffdb.example'],
        },
      },
    })
  })

  test.each([
    ['in the wrong order', ca.certificate + leaf.certificate, 'certificate 2 of the chain did not issue certificate 1'],
    ['with a stranger in it', leaf.certificate + other.certificate, 'certificate 2 of the chain did not issue'],
    ['with a key in it', leaf.certificate + leaf.key, 'the chain holds a PRIVATE KEY'],
    ['with text around', `hello ${leaf.certificate}`, 'the chain is no PEM'],
    ['cut off', leaf.certificate.slice(0, -40), 'the chain is no PEM'],
    ['of nothing', ' ', 'holds no certificate'],
    [
      'of garbage',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
      'certificate 1 of the chain cannot be read',
    ],
    ['of a megabyte', leaf.certificate.repeat(2000), `longer than ${chainBytesMax} bytes`],
    ['of eleven', leaf.certificate.repeat(11), 'more than 10 certificates'],
  ])('%s is refused with the reason', (_, text, reason) => {
    const chain = readChain(text)
    expect(chain.ok ? 'accepted' : chain.error).toContain(reason)
  })

  test('whose subject holds control characters and markup is shown on one line without them', () => {
    const hostile = aCertificate({ subject: 'a\nCN=admin\u0000\u001b[31m<script>', domains: ['x.example'] })
    const chain = readChain(hostile.certificate)
    expect(chain.ok && chain.value.facts.subject).toMatch(/^CN=a[^\p{Cc}]*script[^\p{Cc}]*$/u)
  })
})

describe('a private key', () => {
  const encrypted = createPrivateKey(leaf.key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'x',
  })
  test.each([
    ['of another certificate', other.key, 'privateKey is not the key of the first certificate'],
    ['twice', leaf.key + leaf.key, 'privateKey holds 2 PEM blocks'],
    ['that is encrypted', encrypted.toString(), 'privateKey is encrypted'],
    ['that is none', leaf.certificate, 'privateKey holds a CERTIFICATE'],
    ['of garbage', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----', 'privateKey cannot be read'],
  ])('%s is refused with the reason', (_, key, reason) => {
    const chain = readChain(leaf.certificate)
    expect(chain.ok && privateKeyProblem(new Secret(key), chain.value)).toContain(reason)
  })

  test('that fits is taken', () => {
    const chain = readChain(leaf.certificate)
    expect(chain.ok && privateKeyProblem(new Secret(leaf.key), chain.value)).toBeUndefined()
  })
})

describe('a certificate request', () => {
  test('names what it was made for, whoever reads it', async () => {
    const { csr } = await newCertificateRequest(['b.example', 'a.example'])
    expect(readCertificateRequest(csr)?.domains).toEqual(['a.example', 'b.example'])
  })

  test('with an altered name is none, since its signature no longer fits', async () => {
    const { csr } = await newCertificateRequest(['aa.example'])
    const altered = Buffer.from(csr.toString('latin1').replace('aa.example', 'ab.example'), 'latin1')
    expect(readCertificateRequest(altered)).toBeUndefined()
  })
})

describe('DER', () => {
  test('written is read again, and what is cut off or garbled is no DER rather than an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), (bytes, at) => {
        const whole = writeDer(0x30, Buffer.from(bytes))
        expect(readDer(whole)?.[0]?.content.equals(Buffer.from(bytes))).toBe(true)
        expect(readDer(whole.subarray(0, at % whole.length))?.length ?? 0).toBe(0)
        expect(() => readDer(Buffer.from(bytes))).not.toThrow()
        expect(() => readCertificateRequest(whole)).not.toThrow()
      }),
    )
  })

  test('names of a certificate are those that Node reads', () => {
    const certificate = new X509Certificate(leaf.certificate)
    expect(
      subjectNames(certificate)
        ?.map(({ name }) => `DNS:${name}`)
        .join(', '),
    ).toBe(certificate.subjectAltName)
  })
})

describe('the time of renewal', () => {
  const life = { notBefore: new Date('2026-01-01T00:00:00Z'), notAfter: new Date('2026-04-01T00:00:00Z') }

  test('lies in the window of the authority, and else about a third of its life before its end', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.999_999, noNaN: true }), (random) => {
        const window = {
          start: new Date('2026-02-01T00:00:00Z'),
          end: new Date('2026-02-03T00:00:00Z'),
          retryAfterMs: 0,
        }
        const suggested = renewalTime(life, window, random).getTime()
        expect(suggested).toBeGreaterThanOrEqual(window.start.getTime())
        expect(suggested).toBeLessThanOrEqual(window.end.getTime())
        const leftDays = (life.notAfter.getTime() - renewalTime(life, undefined, random).getTime()) / 86_400_000
        expect(leftDays).toBeGreaterThan(26.9)
        expect(leftDays).toBeLessThan(33.1)
      }),
    )
  })
})

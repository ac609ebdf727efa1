import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkedCertificate } from '../../../../src/domain/ssh/ssh-signer.ts'
import {
  ed25519KeyOf,
  ed25519Line,
  readUserCertificate,
  signUserCertificate,
  type UserCertificate,
} from '../../../../src/domain/ssh/user-certificate.ts'

const { privateKey: ca } = generateKeyPairSync('ed25519')
const { publicKey: user } = generateKeyPairSync('ed25519')
const userLine = ed25519Line(user)
const nowSeconds = Math.floor(Date.now() / 1000)

const certificate: UserCertificate = {
  publicKey: ed25519KeyOf(userLine) ?? Buffer.alloc(0),
  serial: 18_446_744_073_709_551_615n,
  keyId: 'ssh_test',
  principals: ['deploy'],
  validAfter: nowSeconds - 60,
  validBefore: nowSeconds + 120,
  criticalOptions: { 'source-address': '10.0.0.0/8' },
  extensions: ['permit-pty'],
}
const line = signUserCertificate(certificate, ca)
const asked = { publicKey: userLine, principal: 'deploy', keyId: 'ssh_test', ttlSeconds: 120, permitPty: true }
const plain = { ...certificate, criticalOptions: {} }
const withByte = (text: string, at: number) => {
  const [type, base64 = ''] = text.split(' ')
  const blob = Buffer.from(base64, 'base64')
  blob[at] = (blob[at] ?? 0) ^ 1
  return `${type} ${blob.toString('base64')}`
}

describe('an OpenSSH user certificate', () => {
  test('is read by ssh-keygen as what was asked for', () => {
    const directory = mkdtempSync(join(tmpdir(), 'certlocker-cert-'))
    try {
      writeFileSync(join(directory, 'user-cert.pub'), `${line}\n`)
      const shown = execFileSync('ssh-keygen', ['-L', '-f', join(directory, 'user-cert.pub')], { encoding: 'utf8' })
      expect(shown).toContain('ssh-ed25519-cert-v01@openssh.com user certificate')
      expect(shown).toContain('Key ID: "ssh_test"')
      expect(shown).toContain('Serial: 18446744073709551615')
      expect(shown).toMatch(/Principals:\s+deploy\s+Critical Options:\s+source-address 10\.0\.0\.0\/8\s/u)
      expect(shown).toMatch(/Extensions:\s+permit-pty\s/u)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('is read back as it was written, with who signed it', () => {
    const { signedBy, ...read } = readUserCertificate(line) ?? { signedBy: Buffer.alloc(0) }
    expect(read).toEqual(certificate)
    expect(`ssh-ed25519 ${signedBy.toString('base64')}`).toBe(ed25519Line(ca))
  })

  test('is not read when any one byte of it is changed, when it is cut off, or when something follows', () => {
    const blob = Buffer.from(line.split(' ')[1] ?? '', 'base64')
    for (let at = 0; at < blob.length; at++)
      expect(readUserCertificate(withByte(line, at)), `byte ${at}`).toBeUndefined()
    for (const other of [blob.subarray(0, -1), Buffer.concat([blob, Buffer.alloc(1)]), Buffer.alloc(0)])
      expect(readUserCertificate(`ssh-ed25519-cert-v01@openssh.com ${other.toString('base64')}`)).toBeUndefined()
    expect(readUserCertificate(userLine)).toBeUndefined()
  })

  test('is used only when it is exactly what was asked for', () => {
    const check = (change: Partial<UserCertificate>) =>
      checkedCertificate(signUserCertificate({ ...plain, ...change }, ca), asked, nowSeconds * 1000)
    expect(check({}).ok).toBe(true)
    const refused: Partial<UserCertificate>[] = [
      { principals: [] },
      { principals: ['deploy', 'root'] },
      { principals: ['root'] },
      { validBefore: nowSeconds + 120 + 121 },
      { extensions: ['permit-pty', 'permit-port-forwarding'] },
      { criticalOptions: { 'force-command': 'true' } },
      { publicKey: Buffer.alloc(32) },
    ]
    for (const change of refused) expect(check(change), JSON.stringify(change)).toMatchObject({ ok: false })
    expect(checkedCertificate(userLine, asked, nowSeconds * 1000).ok).toBe(false)
  })
})

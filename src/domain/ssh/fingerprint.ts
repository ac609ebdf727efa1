import { hash } from 'node:crypto'

/** The fingerprint of an OpenSSH public key line as `ssh` shows it: `SHA256:` and unpadded base64. */
export function fingerprintOf(line: string): string {
  const blob = Buffer.from(line.split(' ')[1] ?? '', 'base64')
  return `SHA256:${hash('sha256', blob, 'base64').replace(/=+$/u, '')}`
}

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { contextTag, derTags, objectIdentifier, writeDer } from '../../kernel/der.ts'
import { pemOf } from '../../kernel/pem.ts'

const { sequence, set, integer, bitString, octetString, utf8String } = derTags
const GENERALIZED_TIME = 0x18
const DAY_MS = 86_400_000

/** A certificate and its key, both PEM. */
export interface SelfSigned {
  readonly certificate: string
  readonly key: string
}

/** A certificate that nobody vouches for, for one DNS name and so many days from now (X.509 version 3, ECDSA P-256). */
export function selfSigned(name: string, days: number): SelfSigned {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = writeDer(sequence, objectIdentifier('1.2.840.10045.4.3.2'))
  const subject = distinguishedName(name)
  const now = Date.now()
  const toBeSigned = writeDer(
    sequence,
    writeDer(contextTag(0, 'constructed'), writeDer(integer, Buffer.of(2))),
    writeDer(integer, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    algorithm,
    subject,
    writeDer(sequence, time(now - DAY_MS), time(now + days * DAY_MS)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    writeDer(contextTag(3, 'constructed'), writeDer(sequence, alternativeName(name))),
  )
  const signature = writeDer(bitString, Buffer.of(0), sign('sha256', toBeSigned, privateKey))
  return {
    certificate: pemOf('CERTIFICATE', writeDer(sequence, toBeSigned, algorithm, signature)),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

function distinguishedName(commonName: string): Buffer {
  const attribute = writeDer(sequence, objectIdentifier('2.5.4.3'), writeDer(utf8String, Buffer.from(commonName)))
  return writeDer(sequence, writeDer(set, attribute))
}

function alternativeName(name: string): Buffer {
  const names = writeDer(sequence, writeDer(contextTag(2), Buffer.from(name, 'latin1')))
  return writeDer(sequence, objectIdentifier('2.5.29.17'), writeDer(octetString, names))
}

function time(ms: number): Buffer {
  const digits = new Date(ms)
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/[-:T]/g, '')
  return writeDer(GENERALIZED_TIME, Buffer.from(`${digits}Z`))
}

import type { X509Certificate } from 'node:crypto'
import { shortText } from '../../kernel/bounded-text.ts'
import {
  contextTag,
  type DerElement,
  derTags,
  objectIdentifier,
  readDer,
  readDerElement,
  writeDer,
} from '../../kernel/der.ts'

const SUBJECT_ALTERNATIVE_NAME = objectIdentifier('2.5.29.17')
const AUTHORITY_KEY_IDENTIFIER = objectIdentifier('2.5.29.35')
const EXTENSIONS = contextTag(3, 'constructed')
const DNS_NAME = contextTag(2)
const IP_ADDRESS = contextTag(7)
const NAME_CHARACTERS = 253
const UNPRINTABLE = '\ufffd'

const { sequence, octetString } = derTags

/** A name that a certificate is for (RFC 5280, section 4.2.1.6). */
export interface SubjectName {
  readonly kind: 'dns' | 'ip' | 'other'
  /** Fit to be shown: what a certificate says is other people's text. */
  readonly name: string
}

/** The extension that asks for these DNS names. */
export function sanExtension(domains: readonly string[]): Buffer {
  const names = domains.map((domain) => writeDer(DNS_NAME, Buffer.from(domain, 'latin1')))
  return writeDer(sequence, SUBJECT_ALTERNATIVE_NAME, writeDer(octetString, writeDer(sequence, ...names)))
}

/** @returns the names in a SAN extension; undefined when it is another one or malformed */
export function sansOfExtension(extension: DerElement): readonly SubjectName[] | undefined {
  const value = valueOf(extension, SUBJECT_ALTERNATIVE_NAME)
  if (value === undefined) return undefined
  const names = readDerElement(value, sequence)
  return names && readDer(names.content)?.map(nameOf)
}

/** The names of a certificate. Undefined when their extension is malformed. */
export function subjectNames(certificate: X509Certificate): readonly SubjectName[] | undefined {
  const extension = findExtension(certificate, SUBJECT_ALTERNATIVE_NAME)
  return extension === undefined ? [] : sansOfExtension(extension)
}

/**
 * What names a certificate to its authority's renewal information (RFC 9773, section 4.1).
 * @returns undefined for a certificate that does not name its issuer's key
 */
export function renewalId(certificate: X509Certificate): string | undefined {
  const extension = findExtension(certificate, AUTHORITY_KEY_IDENTIFIER)
  const value = extension && valueOf(extension, AUTHORITY_KEY_IDENTIFIER)
  const members = value && readDer(readDerElement(value, sequence)?.content ?? Buffer.alloc(0))
  const keyIdentifier = members?.find(({ tag }) => tag === contextTag(0))
  const serial = certificateFields(certificate)?.find(({ tag }) => tag === derTags.integer)
  if (keyIdentifier === undefined || serial === undefined) return undefined
  return `${keyIdentifier.content.toString('base64url')}.${serial.content.toString('base64url')}`
}

function findExtension(certificate: X509Certificate, id: Buffer): DerElement | undefined {
  const extensions = certificateFields(certificate)?.find(({ tag }) => tag === EXTENSIONS)
  const list = extensions && readDerElement(extensions.content, sequence)
  return readDer(list?.content ?? Buffer.alloc(0))?.find(({ content }) => readDer(content)?.[0]?.whole.equals(id))
}

function certificateFields({ raw }: X509Certificate): readonly DerElement[] | undefined {
  const [toBeSigned] = readDer(readDerElement(raw, sequence)?.content ?? Buffer.alloc(0)) ?? []
  return toBeSigned && readDer(toBeSigned.content)
}

function valueOf({ content }: DerElement, id: Buffer): Buffer | undefined {
  const members = readDer(content)
  const value = members?.at(-1)
  return members?.[0]?.whole.equals(id) === true && value?.tag === octetString ? value.content : undefined
}

function nameOf({ tag, content }: DerElement): SubjectName {
  // Not left out: with a NUL gone from its midst, a name would read as somebody else's.
  const name = shortText(content.toString('latin1').replace(/\p{C}/gu, UNPRINTABLE), NAME_CHARACTERS)
  if (tag === DNS_NAME) return { kind: 'dns', name: name.toLowerCase() }
  if (tag === IP_ADDRESS) return { kind: 'ip', name: ipText(content) }
  return { kind: 'other', name }
}

function ipText(bytes: Buffer): string {
  if (bytes.length === 4) return [...bytes].join('.')
  return Array.from({ length: Math.floor(bytes.length / 2) }, (_, index) =>
    bytes.readUInt16BE(index * 2).toString(16),
  ).join(':')
}

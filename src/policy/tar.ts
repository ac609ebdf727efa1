import { ok, type Result } from '../kernel/result.ts'
import { type BundleProblem, refused } from './bundle-problem.ts'

const BLOCK_BYTES = 512
const NAME_CHARACTERS = /^[\w.][\w.+@ -]*$/

/** The most files that one bundle may hold. */
export const entriesMax = 4096

/**
 * Reads a tar archive as `opa build` writes it: POSIX ustar (IEEE Std 1003.1, pax) with regular files only. Links,
 * directories, extension headers, duplicate names and names that leave the archive are refused.
 * @returns the files by name, without the leading `/`; views of `archive`, not copies
 */
export function readTar(archive: Buffer): Result<ReadonlyMap<string, Buffer>, BundleProblem> {
  const files = new Map<string, Buffer>()
  let at = 0
  while (at + BLOCK_BYTES <= archive.length) {
    const header = archive.subarray(at, at + BLOCK_BYTES)
    if (isZero(header))
      return isZero(archive.subarray(at)) ? ok(files) : malformed('bytes after the end of the archive')
    if (header.toString('latin1', 257, 262) !== 'ustar' || octal(header, 148, 8) !== checksum(header)) {
      return malformed('a header is not ustar')
    }
    const name = fileName(header)
    if (header[156] !== FILE) return malformed(`${name ?? 'an entry'} is not a regular file`)
    if (name === undefined) return refused('BUNDLE_NAME_UNSAFE', 'a name leads out of it, or is none that a policy has')
    if (files.has(name)) return refused('BUNDLE_NAME_TWICE', `${name} occurs twice`)
    const start = at + BLOCK_BYTES
    const size = octal(header, 124, 12)
    if (!(size <= archive.length - start)) return malformed(`${name} is cut short`)
    if (files.size === entriesMax) return refused('BUNDLE_TOO_LARGE', `more than ${entriesMax} files`)
    files.set(name, archive.subarray(start, start + size))
    at = start + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES
  }
  return malformed('the archive has no end')
}

/**
 * The archive with one file more, in place of one of that name.
 * @param files what `readTar` gave for this archive
 */
export function withFile(archive: Buffer, files: ReadonlyMap<string, Buffer>, name: string, content: Buffer): Buffer {
  const kept = [...files]
    .filter(([other]) => other !== name)
    .map(([, { byteOffset, length }]) => {
      const start = byteOffset - archive.byteOffset
      return archive.subarray(start - BLOCK_BYTES, start + Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES)
    })
  const padding = Buffer.alloc(-content.length & (BLOCK_BYTES - 1))
  return Buffer.concat([...kept, headerOf(`/${name}`, content.length), content, padding, Buffer.alloc(2 * BLOCK_BYTES)])
}

function headerOf(path: string, size: number): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES)
  const field = (text: string, at: number) => header.write(text, at, 'latin1')
  field(path, 0)
  field('0000600\0' + '0000000\0'.repeat(2), 100)
  field(`${size.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0`, 124)
  field('0', 156)
  field('ustar\x0000', 257)
  field(`${checksum(header).toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

const FILE = '0'.charCodeAt(0)

function malformed(detail: string): { readonly ok: false; readonly error: BundleProblem } {
  return refused('BUNDLE_MALFORMED', detail)
}

function fileName(header: Buffer): string | undefined {
  const prefix = text(header, 345, 155)
  const path = (prefix === '' ? '' : `${prefix}/`) + text(header, 0, 100)
  const name = path.replace(/^\//, '')
  const safe = name.split('/').every((part) => NAME_CHARACTERS.test(part) && part !== '.' && part !== '..')
  return safe ? name : undefined
}

function text(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length)
  const end = field.indexOf(0)
  return field.toString('latin1', 0, end === -1 ? length : end)
}

/** NaN for anything but octal digits, so that every comparison with it fails. */
function octal(header: Buffer, start: number, length: number): number {
  const digits = text(header, start, length).trim()
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN
}

function checksum(header: Buffer): number {
  return header.reduce((sum, byte, index) => sum + (index >= 148 && index < 156 ? 0x20 : byte), 0)
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0)
}

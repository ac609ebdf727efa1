#!/usr/bin/env node
/*
 * Verifies an export of CertLocker's audit log with nothing but Node.js (20 or later):
 *
 *   node verifier.js EXPORT.ndjson PUBLIC_KEY.pem
 *
 * Prints PASS or FAIL with the size, the root, and the first bad sequence number; exits 0 or 1.
 * Take the public key from a source that you trust, not from the export.
 *
 * The export: a header line, one line {event, leaf, input?, decision?} per event, and lines {checkpoint} at the end.
 * Lines are canonical JSON (RFC 8785). A leaf is SHA-256(0x00 || canonical JSON of the event), an inner node
 * SHA-256(0x01 || left || right) (RFC 9162). Checkpoints are C2SP signed notes over size and root, signed with Ed25519.
 * An event changed together with its leaf is found by the next checkpoint: then the first sequence number not proven is named.
 */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { createReadStream, readFileSync, realpathSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/**
 * @param {string | Iterable<string> | AsyncIterable<string>} source the export, as one text or as its lines
 * @param {string} publicKeyPem the log's public key (SPKI, PEM)
 * @returns {Promise<{ok: boolean, size: number, root: string, firstBadSeq: number | null, problem: string | null}>}
 */
export async function verifyExport(source, publicKeyPem) {
  const leaves = []
  const notes = []
  let header
  let problem = null
  const fail = (seq, text) => (problem ??= { seq, text })
  for await (const line of typeof source === 'string' ? source.split('\n') : source) {
    if (line === '' || problem) continue
    const seq = leaves.length + 1
    const entry = parseCanonical(line)
    if (!entry) fail(seq, 'a line is not canonical JSON')
    else if (!header) header = entry.type === 'certlocker.audit-export/v1' ? entry : fail(seq, 'the header is missing')
    else if (Object.keys(entry).join() === 'checkpoint') notes.push(String(entry.checkpoint))
    else if (notes.length > 0) fail(seq, 'an event stands after the checkpoints')
    else {
      const text = problemIn(entry, seq)
      if (text) fail(seq, text)
      else leaves.push(Buffer.from(entry.leaf, 'hex'))
    }
  }
  const key = createPublicKey(publicKeyPem)
  const tree = { size: 0, peaks: [] }
  if (!problem && header?.key !== key.export({ type: 'spki', format: 'pem' })) fail(1, 'the header names another key')
  if (!problem && header?.size !== leaves.length) fail(leaves.length + 1, `the header says ${header?.size} events`)
  for (const note of problem ? [] : notes) {
    const signed = openNote(note, header.origin, key)
    if (!signed) fail(tree.size + 1, 'a checkpoint is not signed with this key')
    else if (signed.size > leaves.length) fail(leaves.length + 1, `a checkpoint has ${signed.size} events`)
    else if (signed.size <= tree.size) fail(tree.size + 1, 'the checkpoints are not in order')
    else if (!rootAt(leaves, signed.size, { ...tree, peaks: [...tree.peaks] }).equals(signed.root)) {
      fail(tree.size + 1, `the events from here to ${signed.size} do not lead to the signed root`)
    } else rootAt(leaves, signed.size, tree)
    if (problem) break
  }
  if (!problem && (tree.size === 0 || tree.size < leaves.length))
    fail(tree.size + 1, 'no signed checkpoint covers this event')
  const root = rootAt(leaves, leaves.length, { size: 0, peaks: [] }).toString('hex')
  return { ok: !problem, size: leaves.length, root, firstBadSeq: problem?.seq ?? null, problem: problem?.text ?? null }
}

function problemIn({ event, leaf, input, decision, ...rest }, seq) {
  if (typeof event !== 'object' || event === null || event.seq !== seq)
    return `event ${event?.seq} stands in place of ${seq}`
  if (sha256(Buffer.concat([Buffer.of(0), Buffer.from(canonical(event))])).toString('hex') !== leaf)
    return 'the event was changed'
  if (Object.keys(rest).length > 0 || (input === undefined) !== (decision === undefined)) return 'the line is malformed'
  if (input !== undefined && event.inputDigest !== digestOf(input)) return 'the input does not fit its digest'
  if (decision !== undefined && event.details?.decisionDigest !== digestOf(decision))
    return 'the decision does not fit its digest'
  return null
}

/** Pushes leaves up to `size` on the tree and returns its root. */
function rootAt(leaves, size, tree) {
  while (tree.size < size) {
    let node = leaves[tree.size]
    for (let rest = tree.size; rest % 2 === 1; rest = (rest - 1) / 2) node = nodeHash(tree.peaks.pop(), node)
    tree.peaks.push(node)
    tree.size += 1
  }
  return tree.peaks.length === 0 ? sha256('') : tree.peaks.reduceRight((right, left) => nodeHash(left, right))
}

/** The size and root that a signed note states, or null unless the key has signed it under the name of the origin. */
function openNote(note, origin, key) {
  const end = note.indexOf('\n\n') + 1
  const text = note.slice(0, end)
  const raw = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url')
  const keyHash = sha256(Buffer.concat([Buffer.from(`${origin}\n`), Buffer.of(1), raw])).subarray(0, 4)
  const isSigned = note
    .slice(end + 1)
    .split('\n')
    .some((line) => {
      const [dash, name, encoded = ''] = line.split(' ')
      const signature = Buffer.from(encoded, 'base64')
      if (dash !== '—' || name !== origin || !signature.subarray(0, 4).equals(keyHash)) return false
      return verify(null, Buffer.from(text), key, signature.subarray(4))
    })
  const [name, size, root, ...rest] = text.split('\n')
  if (!isSigned || name !== origin || !/^[1-9]\d{0,15}$/.test(size) || rest.join() !== '') return null
  return { size: Number(size), root: Buffer.from(root, 'base64') }
}

function parseCanonical(line) {
  try {
    const value = JSON.parse(line)
    return typeof value === 'object' && value !== null && canonical(value) === line ? value : null
  } catch {
    return null
  }
}

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{${Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)
    .join(',')}}`
}

function digestOf(value) {
  return `sha256:${sha256(canonical(value)).toString('hex')}`
}

function nodeHash(left, right) {
  return sha256(Buffer.concat([Buffer.of(1), left, right]))
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest()
}

async function main([exportFile, keyFile]) {
  if (!exportFile || !keyFile) return { code: 2, text: 'usage: node verifier.js EXPORT.ndjson PUBLIC_KEY.pem' }
  const lines = createInterface({ input: createReadStream(exportFile), crlfDelay: Number.POSITIVE_INFINITY })
  const { ok, size, root, firstBadSeq, problem } = await verifyExport(lines, readFileSync(keyFile, 'utf8'))
  const place = ok ? '' : ` firstBadSeq=${firstBadSeq} ${problem}`
  return { code: ok ? 0 : 1, text: `${ok ? 'PASS' : 'FAIL'} size=${size} root=${root}${place}` }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { code, text } = await main(process.argv.slice(2))
  process.stdout.write(`${text}\n`)
  process.exitCode = code
}

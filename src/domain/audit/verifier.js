/* Verifies an export of CertLocker's audit log with nothing but Node.js: node verifier.js EXPORT.ndjson PUBLIC_KEY.pem
 * Prints PASS with size and root (exit 0) or FAIL with the first bad event (1). Take the key from a source you trust.
 * The whole log: a header, one line {event, leaf, input?, decision?} per event, and lines {checkpoint} at the end.
 * A part of it: a header with one checkpoint, lines with a `proof` each (RFC 9162), and {events}, how many there are.
 * That shows each event to be in the log, not that no other would fit. Lines are canonical JSON (RFC 8785), leaves
 * SHA-256(0x00 || event), nodes SHA-256(0x01 || left || right), checkpoints C2SP signed notes (Ed25519). An event that
 * was changed together with its leaf is found by the next checkpoint: then the first one not proven is named. */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { createReadStream, readFileSync, realpathSync } from 'node:fs'

/** @type {typeof import('./verifier.d.ts').verifyExport} */
export async function verifyExport(source, publicKeyPem) {
  const key = createPublicKey(publicKeyPem)
  const [leaves, notes] = [[], []]
  let [header, part, events, total, last, problem] = [null, null, 0, null, 0, null]
  const fail = (seq, text) => (problem ??= { seq, text }) && null
  for await (const line of linesOf(source)) {
    if (line === '' || problem) continue
    const entry = parsed(line)
    const kind = Object.keys(entry ?? {}).join()
    if (Object(entry) !== entry || canonical(entry) !== line) fail(last + 1, 'a line is not canonical JSON')
    else if (!header) {
      header = entry
      if (!/^certlocker\.audit-(export|part)\/v1$/.test(header.type)) fail(1, 'the header is missing')
      if (header.key !== key.export({ type: 'spki', format: 'pem' })) fail(1, 'the header names another key')
      if (header.type === 'certlocker.audit-part/v1')
        part = openNote(`${header.checkpoint}`, header.origin, key) ?? fail(1, 'its checkpoint has another signer')
    } else if (kind === 'checkpoint' && !part) notes.push(String(entry.checkpoint))
    else if (kind === 'events' && part && total === null) total = entry.events
    else if (notes.length > 0 || total !== null) fail(last + 1, 'an event stands after the end')
    else {
      const seq = part && entry.event?.seq > last ? entry.event.seq : last + 1
      const text = problemIn(entry, seq, part)
      if (text) fail(seq, text)
      else if (part) [last, events] = [seq, events + 1]
      else last = leaves.push(Buffer.from(entry.leaf, 'hex'))
    }
  }
  if (part && total !== events) fail(last + 1, `the end says ${total} events, ${events} are here`)
  if (!part && header?.size !== leaves.length) fail(leaves.length + 1, `the header says ${header?.size} events`)
  if (!part && !problem) verifyCheckpoints(leaves, notes, { origin: header.origin, key, fail })
  const root = part?.root ?? rootAt(leaves, leaves.length, { size: 0, peaks: [] })
  const found = { ok: !problem, size: part?.size ?? leaves.length, root: root.toString('hex') }
  return { ...found, firstBadSeq: problem?.seq ?? null, problem: problem?.text ?? null, ...(part && { events }) }
}

function verifyCheckpoints(leaves, notes, { origin, key, fail }) {
  const tree = { size: 0, peaks: [] }
  for (const note of notes) {
    const from = tree.size + 1
    const signed = openNote(note, origin, key)
    if (!signed) return fail(from, 'a checkpoint is not signed with this key')
    if (signed.size > leaves.length) return fail(leaves.length + 1, `a checkpoint has ${signed.size} events`)
    if (signed.size < from) return fail(from, 'the checkpoints are not in order')
    if (!rootAt(leaves, signed.size, tree).equals(signed.root)) return fail(from, 'the signed root is another one')
  }
  return (tree.size > 0 && tree.size === leaves.length) || fail(tree.size + 1, 'no signed checkpoint covers this event')
}

function problemIn({ event, leaf, input, decision, proof, ...rest }, seq, part) {
  if (typeof event !== 'object' || event?.seq !== seq) return `event ${event?.seq} stands in place of ${seq}`
  if (sha256(Buffer.concat([Buffer.of(0), Buffer.from(canonical(event))])).toString('hex') !== leaf)
    return 'the event was changed'
  const isWhole = (input === undefined) === (decision === undefined) && (proof === undefined) === !part
  if (!isWhole || Object.keys(rest).length > 0) return 'the line is malformed'
  if (!fits(input, event.inputDigest)) return 'the input does not fit its digest'
  if (!fits(decision, event.details?.decisionDigest)) return 'the decision does not fit its digest'
  return !part || isIncluded(Buffer.from(leaf, 'hex'), seq, proof, part) ? null : 'its proof leads to another root'
}

/** Whether a proof leads from a leaf to a root (RFC 9162, section 2.1.3.2). */
function isIncluded(leaf, seq, proof, { size, root }) {
  let [node, last, found] = [seq - 1, size - 1, leaf]
  if (!Number.isSafeInteger(seq) || node > last || !Array.isArray(proof)) return false
  for (const sibling of proof.map((hash) => Buffer.from(String(hash), 'base64'))) {
    if (node % 2 === 1 || node === last) {
      found = nodeHash(sibling, found)
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)]
    } else found = nodeHash(found, sibling)
    ;[node, last] = [Math.floor(node / 2), Math.floor(last / 2)]
  }
  return last === 0 && found.equals(root)
}

/** Pushes leaves up to `size` on the tree and returns its root. */
function rootAt(leaves, size, tree) {
  for (; tree.size < size; tree.size += 1) {
    let node = leaves[tree.size]
    for (let rest = tree.size; rest % 2 === 1; rest = (rest - 1) / 2) node = nodeHash(tree.peaks.pop(), node)
    tree.peaks.push(node)
  }
  return tree.peaks.length === 0 ? sha256('') : tree.peaks.reduceRight((right, left) => nodeHash(left, right))
}

/** The size and root that a signed note states, or null unless the key has signed it under the name of the origin. */
function openNote(note, origin, key) {
  const end = note.indexOf('\n\n') + 1
  const text = note.slice(0, end)
  const raw = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url')
  const keyHash = sha256(Buffer.concat([Buffer.from(`${origin}\n`), Buffer.of(1), raw])).subarray(0, 4)
  const lines = note.slice(end + 1).split('\n')
  const isSigned = lines.some((line) => {
    const [dash, name, encoded = ''] = line.split(' ')
    const signature = Buffer.from(encoded, 'base64')
    if (dash !== '—' || name !== origin || !signature.subarray(0, 4).equals(keyHash)) return false
    return verify(null, Buffer.from(text), key, signature.subarray(4))
  })
  const [name, size, root, ...rest] = text.split('\n')
  if (!isSigned || name !== origin || !/^[1-9]\d{0,15}$/.test(size) || rest.join() !== '') return null
  return { size: Number(size), root: Buffer.from(root, 'base64') }
}

function parsed(line) {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const member = (name) => `${JSON.stringify(name)}:${canonical(value[name])}`
  return `{${Object.keys(value).sort().map(member).join(',')}}`
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest()
const nodeHash = (left, right) => sha256(Buffer.concat([Buffer.of(1), left, right]))
const fits = (value, digest) => value === undefined || digest === `sha256:${sha256(canonical(value)).toString('hex')}`

/** Not by node:readline: it also ends lines at U+2028 and U+2029, which stand in JSON as they are. */
async function* linesOf(source) {
  let rest = ''
  for await (const text of typeof source === 'string' ? [source] : source) {
    const lines = `${rest}${text}`.split('\n')
    rest = lines.pop()
    yield* lines
  }
  yield rest
}

if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) {
  const [file, key] = process.argv.slice(2)
  const found = key && (await verifyExport(createReadStream(file, 'utf8'), readFileSync(key, 'utf8')))
  const { ok, size, root, firstBadSeq, problem } = found || {}
  const verdict = ok ? `PASS size=${size} root=${root}` : `FAIL size=${size} firstBadSeq=${firstBadSeq} ${problem}`
  process.stdout.write(`${found ? verdict : 'usage: node verifier.js EXPORT.ndjson PUBLIC_KEY.pem'}\n`)
  process.exitCode = found ? Number(!ok) : 2
}

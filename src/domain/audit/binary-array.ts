const OID = { bytea: 17, bigint: 20, text: 25 } as const

/**
 * A one-dimensional array parameter in PostgreSQL's binary format (`array_recv`). node-postgres sends a Buffer as it is,
 * so nothing has to be quoted here or parsed there: on the path of every call that is worth having.
 */
export function textArray(values: readonly (string | null)[]): Buffer {
  const lengths = values.map((value) => (value === null ? -1 : Buffer.byteLength(value)))
  const array = newArray(OID.text, lengths)
  let offset = array.dataOffset
  for (const [index, value] of values.entries()) {
    offset = array.bytes.writeInt32BE(lengths[index] ?? -1, offset)
    if (value !== null) offset += array.bytes.write(value, offset)
  }
  return array.bytes
}

export function byteaArray(values: readonly Buffer[]): Buffer {
  const array = newArray(
    OID.bytea,
    values.map((value) => value.length),
  )
  let offset = array.dataOffset
  for (const value of values) {
    offset = array.bytes.writeInt32BE(value.length, offset)
    offset += value.copy(array.bytes, offset)
  }
  return array.bytes
}

export function bigintArray(values: readonly number[]): Buffer {
  const array = newArray(
    OID.bigint,
    values.map(() => 8),
  )
  let offset = array.dataOffset
  for (const value of values) {
    offset = array.bytes.writeInt32BE(8, offset)
    offset = array.bytes.writeBigInt64BE(BigInt(value), offset)
  }
  return array.bytes
}

function newArray(oid: number, lengths: readonly number[]): { bytes: Buffer; dataOffset: number } {
  const dimensions = lengths.length === 0 ? 0 : 1
  const headerBytes = 12 + 8 * dimensions
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + 4 + Math.max(0, length), headerBytes))
  bytes.writeInt32BE(dimensions, 0)
  bytes.writeInt32BE(lengths.includes(-1) ? 1 : 0, 4)
  bytes.writeInt32BE(oid, 8)
  if (dimensions === 1) {
    bytes.writeInt32BE(lengths.length, 12)
    bytes.writeInt32BE(1, 16)
  }
  return { bytes, dataOffset: headerBytes }
}

/** The data types of RFC 4251, section 5, as far as keys and certificates need them. */
export function sshString(value: Buffer | string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([sshUint32(bytes.length), bytes])
}

export function sshUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function sshUint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}

/** Reads such data from the start. Past the end it gives nothing but zeros and empty strings, and `isWhole` is false for good. */
export class SshReader {
  readonly #bytes: Buffer
  #offset = 0
  #isBroken = false

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Whether everything read was there, and nothing is left. */
  get isWhole(): boolean {
    return !this.#isBroken && this.isAtEnd
  }

  get isAtEnd(): boolean {
    return this.#isBroken || this.#offset === this.#bytes.length
  }

  /** How many bytes were read. */
  get offset(): number {
    return this.#offset
  }

  string(): Buffer {
    return this.#take(this.uint32())
  }

  uint32(): number {
    const bytes = this.#take(4)
    return bytes.length === 4 ? bytes.readUInt32BE() : 0
  }

  uint64(): bigint {
    const bytes = this.#take(8)
    return bytes.length === 8 ? bytes.readBigUInt64BE() : 0n
  }

  #take(length: number): Buffer {
    const end = this.#offset + length
    if (this.#isBroken || end > this.#bytes.length) {
      this.#isBroken = true
      return Buffer.alloc(0)
    }
    const taken = this.#bytes.subarray(this.#offset, end)
    this.#offset = end
    return taken
  }
}

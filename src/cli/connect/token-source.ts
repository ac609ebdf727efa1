/** Where a token lies between two starts of the bridge. */
export interface TokenSource {
  /** For messages: what the reader has to change. Never the token. */
  readonly place: string
  /** @throws ConnectError when there is no usable token: where it was looked for, and what to do */
  read(): Promise<string>
  /** Makes the successor what `read` gives from now on. */
  keep(successor: string): Promise<void>
  /** Runs alone among all bridges that use the same place. */
  exclusively<T>(step: () => Promise<T>): Promise<T>
}

/** Says something to whoever runs the bridge, beside the protocol. */
export type Note = (text: string) => void

/** A problem with its remedy. It reaches the client as the message of a JSON-RPC error. */
export class ConnectError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ConnectError'
  }
}

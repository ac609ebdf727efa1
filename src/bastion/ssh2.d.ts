import 'ssh2'

declare module 'ssh2' {
  /** What the types leave out of a connection that a server took. */
  interface Connection {
    setNoDelay(noDelay: boolean): this
  }
}

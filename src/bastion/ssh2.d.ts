import type { EventEmitter } from 'node:events'

declare module 'ssh2' {
  /** What the types leave out of a connection that a server took. */
  interface Connection extends EventEmitter {
    setNoDelay(noDelay: boolean): this
  }
}

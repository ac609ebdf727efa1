import type { Duplex, Readable } from 'node:stream'
import type { Fault } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/result.ts'
import type { Secret } from '../../kernel/secret.ts'

/** A private key that lives in memory only, for one connection. */
export interface EphemeralKey {
  /** In OpenSSH's format. */
  readonly privateKey: Secret<string>
  /** An OpenSSH line. */
  readonly publicKey: string
}

/** What the bastion needs to log in to a host. */
export interface TargetLogin {
  readonly address: string
  readonly port: number
  readonly principal: string
  /** Pinned keys as OpenSSH lines: no other host is spoken to. */
  readonly hostKeys: readonly string[]
  readonly privateKey: Secret<string>
  /** The certificate of the key as an OpenSSH line; undefined for a key that the host knows by itself. */
  readonly certificate: string | undefined
}

export interface Terminal {
  readonly type: string
  readonly columns: number
  readonly rows: number
}

export interface TargetExit {
  readonly code: number | null
  /** Without `SIG`. */
  readonly signal: string | null
}

/** A command or shell that runs on a host. */
export interface TargetChannel {
  /** Its standard input and output. */
  readonly stream: Duplex
  readonly stderr: Readable
  /** How it ended; code and signal null when the connection broke before it said. */
  readonly exit: Promise<TargetExit>
  resize(size: Pick<Terminal, 'columns' | 'rows'>): void
  /** Sends a signal to the process group. @param name without `SIG` */
  signal(name: string): void
}

export interface TargetConnection {
  /** Runs a command, or a shell when there is none. */
  open(command: string | undefined, terminal: Terminal | undefined): Promise<Result<TargetChannel, Fault>>
  close(): void
}

/** The way from the bastion to a host. */
export interface SshTarget {
  newKey(): EphemeralKey
  /** @returns HOST_UNREACHABLE, HOST_KEY_MISMATCH, HOST_LOGIN_REFUSED or SSH_CREDENTIAL_INVALID */
  connect(login: TargetLogin, signal: AbortSignal): Promise<Result<TargetConnection, Fault>>
}

/** A resource as an agent names it. A name is never authority. */
export type ResourceName =
  | {
      readonly type: 'secret'
      readonly name: string
      /** A particular version; the current one when absent. */
      readonly version?: number
    }
  | { readonly type: 'host'; readonly name: string }
  /** The host of an SSH session, by the session's id. */
  | { readonly type: 'ssh_session'; readonly name: string }
  | {
      readonly type: 'certificate'
      /** Empty for one that is still to be created. */
      readonly name: string
      readonly planned?: { readonly domains: readonly string[]; readonly group: string }
    }
  | ProbeName

export type ProbeName =
  /** A probe that was made, by its id or its target. */
  | { readonly type: 'probe'; readonly name: string }
  /** An endpoint that is to be probed. */
  | { readonly type: 'probe_target'; readonly name: string }

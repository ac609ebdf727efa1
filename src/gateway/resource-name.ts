/** A resource as an agent names it. A name is never authority. */
export type ResourceName =
  | {
      readonly type: 'secret'
      readonly name: string
      /** A particular version; the current one when absent. */
      readonly version?: number
    }
  | ProbeName

export type ProbeName =
  /** A probe that was made, by its id or its target. */
  | { readonly type: 'probe'; readonly name: string }
  /** An endpoint that is to be probed. */
  | { readonly type: 'probe_target'; readonly name: string }

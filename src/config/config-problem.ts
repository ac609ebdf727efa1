/** One thing wrong with the configuration: where, what, and what to do. It quotes no value. */
export interface ConfigProblem {
  /** A setting's key, the variable or the file. */
  readonly place: string
  readonly problem: string
}

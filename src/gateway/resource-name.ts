/** A resource as an agent names it. A name is never authority. */
export interface ResourceName {
  readonly type: 'secret'
  readonly name: string
  /** A particular version; the current one when absent. */
  readonly version?: number
}

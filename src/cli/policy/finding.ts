/** Something that `policy lint` objects to. */
export interface Finding {
  readonly file: string
  readonly line: number
  readonly check: Check
  readonly why: string
  readonly fix: string
}

export type Check =
  | 'format'
  | 'compile'
  | 'package'
  | 'rule-name'
  | 'rule-shape'
  | 'metadata'
  | 'code'
  | 'title'
  | 'configuration'
  | 'regal'

/** One finding as people read it: a place an editor can jump to, why, and what to do. */
export function findingText({ file, line, check, why, fix }: Finding): string {
  return `${file}:${line}: ${check}: ${why}\n    ${fix}`
}

import type { Bundle } from '../bundle.ts'
import type { InputPath } from './input-path.ts'

/** What rules speak of: the facts they look at, and the values they compare them with. */
export interface Vocabulary {
  /** Facts, or what holds several of them. */
  readonly paths: readonly InputPath[]
  readonly words: readonly string[]
  readonly numbers: readonly number[]
}

/** What all rules and tunables of a bundle speak of. */
export function vocabularyOf({ files, data }: Pick<Bundle, 'files' | 'data'>): Vocabulary {
  return mined(
    [...files].filter(([name]) => name.endsWith('.rego')).map(([, bytes]) => text(bytes)),
    [data],
  )
}

/**
 * What only the differences between two bundles speak of: rules that changed, came or went, and, where a tunable did, the
 * rules that read it.
 */
export function vocabularyOfChanges(before: Bundle, after: Bundle): Vocabulary {
  const names = [...new Set([...before.files.keys(), ...after.files.keys()])].filter((name) => name.endsWith('.rego'))
  const tunables = changedTunables(before.data, after.data)
  const readsChanged = (rego: string) => tunables.some(({ name }) => new RegExp(`\\.${name}\\b`).test(rego))
  const texts = names.flatMap((name) => {
    const [old, fresh] = [text(before.files.get(name)), text(after.files.get(name))]
    if (old !== fresh) return [old, fresh]
    return readsChanged(fresh) ? [fresh] : []
  })
  return mined(
    texts,
    tunables.flatMap(({ values }) => values),
  )
}

/** Whether a rule looks at the fact, at what holds it, or at what would lie in it. */
export function speaksOf({ paths }: Vocabulary, path: InputPath): boolean {
  return paths.some((mentioned) => mentioned.every((name, at) => at >= path.length || path[at] === name))
}

function mined(regos: readonly string[], values: readonly unknown[]): Vocabulary {
  const code = regos.map((rego) => rego.replaceAll(/^\s*#.*$/gm, '')).join('\n')
  const paths = [...code.matchAll(/\binput((?:\.[a-zA-Z_]\w*|\["[^"\n]+"\])+)/g)].map(([, steps = '']) =>
    [...steps.matchAll(/\.(\w+)|\["([^"]+)"\]/g)].map(([, plain, quoted]) => plain ?? quoted ?? ''),
  )
  const leaves = values.flatMap(leavesOf)
  const literals = [...code.matchAll(/"((?:[^"\\\n]|\\.)*)"|`([^`]*)`/g)].map(([, quoted, raw]) => quoted ?? raw ?? '')
  const digits = [...code.matchAll(/(?<![\w."])(\d{1,15})(?![\w."])/g)].map(([number]) => Number(number))
  return {
    paths: [...new Map(paths.map((path) => [path.join('\n'), path])).values()],
    words: unique([...literals, ...leaves.filter((leaf) => typeof leaf === 'string')]),
    numbers: unique([...digits, ...leaves.filter((leaf) => typeof leaf === 'number')]),
  }
}

function changedTunables(
  before: object,
  after: object,
): { readonly name: string; readonly values: readonly unknown[] }[] {
  const [old, fresh] = [before, after].map((data) => new Map(tunablesOf(data)))
  const names = unique([...(old?.keys() ?? []), ...(fresh?.keys() ?? [])])
  return names
    .map((name) => ({ name, values: [old?.get(name), fresh?.get(name)] }))
    .filter(({ values: [was, is] }) => JSON.stringify(was) !== JSON.stringify(is))
}

/** They all lie in one place: `data.certlocker.config`. */
function tunablesOf(data: object): [string, unknown][] {
  const config = ['certlocker', 'config'].reduce<unknown>(
    (at, name) =>
      typeof at === 'object' && at !== null ? Object.entries(at).find(([each]) => each === name)?.[1] : {},
    data,
  )
  return Object.entries(config ?? {})
}

function leavesOf(value: unknown): readonly unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leavesOf) : [value]
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)]
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString()
}

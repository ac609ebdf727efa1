import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { runOpa } from '../../../src/cli/policy/run-opa.ts'
import { type Bundle, readBundle } from '../../../src/policy/bundle.ts'
import { buildInput, type InputFacts } from '../../../src/policy/input.ts'
import type { PolicyInput } from '../../../src/policy/input.schema.ts'

/** The members of a well-formed denial, as Rego terms. */
const denial = {
  schema: '"certlocker.decision/v1"',
  inputSchema: 'input.schema',
  callId: 'input.call.id',
  effect: '"deny"',
  reasons:
    '[{"code": "DEFAULT_DENY", "title": "No", "severity": "low", "rule": "main", "details": {}, "visibility": "agent"}]',
  obligations: '[]',
  approval: '{"groups": [], "roles": [], "quorum": 0, "useSeconds": 0}',
  labels: '{}',
}

/** A policy that answers calls of action `asked` with the given members and rules, and denies every other call. */
export function answering(members: { readonly [Name in keyof typeof denial]?: string }, rules = ''): string {
  return `${opening}
decision := ${object({ ...denial, ...members })} if input.call.action == "asked"

decision := ${object(denial)} if input.call.action != "asked"

${rules}`
}

/** How a policy's file begins: what follows is the rule that is the entrypoint. */
export const opening = `package certlocker.main

# METADATA
# entrypoint: true`

export interface Compilation {
  readonly data?: object
  readonly manifest?: object
  readonly flags?: readonly string[]
}

/** Compiles one Rego file with the pinned `opa`, as a company would. */
export async function compiled(rego: string, { data, manifest = {}, flags = [] }: Compilation = {}): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'certlocker-bundle-'))
  try {
    const sources: [string, string][] = [
      ['main/main.rego', rego],
      ['.manifest', JSON.stringify({ roots: [''], ...manifest })],
    ]
    if (data !== undefined) sources.push(['data.json', JSON.stringify(data)])
    for (const [name, text] of sources) {
      await mkdir(dirname(join(directory, 'in', name)), { recursive: true })
      await writeFile(join(directory, 'in', name), text)
    }
    const { exitCode, stdout, stderr } = await runOpa(
      ['build', '-b', 'in', '-t', 'wasm', '-o', 'out.tar.gz', '--revision', 'r1', ...flags],
      { cwd: directory },
    )
    if (exitCode !== 0) throw new Error(stderr || stdout)
    return await readFile(join(directory, 'out.tar.gz'))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Compiles and reads a policy that must be readable. */
export async function bundleOf(rego: string, compilation?: Compilation): Promise<Bundle> {
  const bundle = readBundle(await compiled(rego, compilation))
  if (!bundle.ok) throw new Error(`${bundle.error.code}: ${bundle.error.detail}`)
  return bundle.value
}

/** A policy input about action `asked`. */
export function anInput(facts: Partial<InputFacts> = {}): PolicyInput {
  return buildInput({
    call: { id: 'dec_1', action: 'asked', tool: 'certlocker_get_secret', digest: 'sha256:00', attempt: 1, unixMs: 0 },
    timeZone: 'UTC',
    principal: { kind: 'agent', id: 'agt_1', name: 'cursor-ops' },
    ...facts,
  })
}

/** One entry of an archive, with what a hostile one may change in its header. */
export interface Entry {
  readonly name: string
  readonly content?: string | Uint8Array
  readonly type?: string
  readonly size?: string
}

/** A gzipped ustar archive of anything at all. */
export function tarball(entries: readonly Entry[], end: Uint8Array = Buffer.alloc(1024)): Buffer {
  return gzipSync(Buffer.concat([...entries.flatMap(blocks), end]))
}

function blocks({ name, content = '', type = '0', size }: Entry): Uint8Array[] {
  const body = Buffer.from(content)
  const header = Buffer.alloc(512)
  header.write(name, 0, 'latin1')
  header.write(size ?? body.length.toString(8).padStart(11, '0'), 124)
  header.write(' '.repeat(8), 148)
  header.write(type, 156)
  header.write('ustar\u000000', 257, 'latin1')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, 148, 'latin1')
  return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]
}

function object(members: { readonly [name: string]: string }): string {
  return `{${Object.entries(members)
    .map(([name, term]) => `${JSON.stringify(name)}: ${term}`)
    .join(', ')}}`
}

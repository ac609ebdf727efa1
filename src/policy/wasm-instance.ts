import opaWasm, { type LoadedPolicy } from '@open-policy-agent/opa-wasm'
import { ok, type Result } from '../kernel/result.ts'
import { type Bundle, decisionEntrypoint } from './bundle.ts'
import { type BundleProblem, refused, thrownText } from './bundle-problem.ts'

/** One instance of a policy module, with its data. Not re-entrant; after it threw, it must not be used again. */
export interface WasmInstance {
  /**
   * Evaluates the decision.
   * @param input a plain object of well-formed texts: anything else would be evaluated as undefined, or trap
   * @returns the decision as the policy gave it, or undefined when it gave none
   * @throws whatever the module or its host throws, often a string
   */
  evaluate(input: object): unknown
  /**
   * The same from text to text: two modules that answer alike do so to the letter, and nobody has to read it.
   * @param input the JSON of such an object
   * @returns the JSON of all results
   * @throws as `evaluate`
   */
  answer(input: string): string
  /** The memory it holds now. It never shrinks. */
  memoryBytes(): number
}

/** Compiles a bundle's module once, for any number of instances. Checks that it asks the host for nothing unknown. */
export function compileModule(bundle: Bundle): Result<WebAssembly.Module, BundleProblem> {
  try {
    const module = new WebAssembly.Module(bundle.wasm)
    const unknown = WebAssembly.Module.imports(module).find(
      ({ module: from, name }) => from !== 'env' || !hostImports.has(name),
    )
    if (unknown !== undefined) return refused('BUNDLE_MODULE_INVALID', `imports ${unknown.module}.${unknown.name}`)
    const names = new Set(WebAssembly.Module.exports(module).map(({ name }) => name))
    const missing = neededExports.find((name) => !names.has(name))
    return missing === undefined ? ok(module) : refused('BUNDLE_MODULE_INVALID', `does not export ${missing}`)
  } catch (error) {
    return refused('BUNDLE_MODULE_INVALID', thrownText(error))
  }
}

/** Makes a fresh instance, presized for its data: growing page by page while data is parsed takes superlinear time. */
export function instantiate(module: WebAssembly.Module, data: object): Result<WasmInstance, BundleProblem> {
  try {
    const policy = load(
      module,
      FIRST_PAGES + Math.ceil((JSON.stringify(data).length * HEAP_BYTES_PER_DATA_BYTE) / PAGE_BYTES),
    )
    if (!(policy.minorVersion >= ABI_MINOR_MIN)) return refused('BUNDLE_MODULE_INVALID', `ABI 1.${policy.minorVersion}`)
    const entrypoint = policy.entrypoints[decisionEntrypoint]
    if (!Object.hasOwn(policy.entrypoints, decisionEntrypoint) || entrypoint === undefined)
      return refused('BUNDLE_MODULE_INVALID', `has no entrypoint ${decisionEntrypoint}`)
    const foreign = builtinsOf(policy).filter((name) => !hostBuiltins.has(name))
    if (foreign.length > 0)
      return refused('BUNDLE_BUILTIN_UNKNOWN', `needs builtins that no host gives: ${foreign.join(', ')}`)
    // On a serving instance a failing setData would leave old addresses over a new heap; here nothing was evaluated yet.
    policy.setData(data)
    return ok(new Evaluator(policy, entrypoint))
  } catch (error) {
    return refused('BUNDLE_MODULE_INVALID', thrownText(error))
  }
}

const PAGE_BYTES = 65_536
/** Of one UTF-16 code unit. */
const UTF8_BYTES_MAX = 3
const FIRST_PAGES = 8
/** 64 MiB: room for the largest data and for the largest input, and the most one runaway rule can take. */
const PAGES_MAX = 1024
/** Measured: JSON of small values takes 18 times its size on the module's heap. */
const HEAP_BYTES_PER_DATA_BYTE = 22
/** From ABI 1.2 an evaluation is one call that starts on a clean heap. */
const ABI_MINOR_MIN = 2

/** `opa_println` is missing on purpose: a policy does not write to the gateway's output. */
const hostImports = new Set([
  'memory',
  'opa_abort',
  'opa_builtin0',
  'opa_builtin1',
  'opa_builtin2',
  'opa_builtin3',
  'opa_builtin4',
])
const neededExports = [
  'opa_eval',
  'opa_wasm_abi_version',
  'opa_wasm_abi_minor_version',
  'builtins',
  'entrypoints',
  'opa_json_dump',
] as const
/** Builtins a module may leave to the host. None: those of the npm package differ from OPA's, or throw on bad arguments. */
const hostBuiltins: ReadonlySet<string> = new Set()

function load(module: WebAssembly.Module, initial: number): LoadedPolicy {
  for (let pages = initial; ; pages *= 2) {
    try {
      return opaWasm.loadPolicySync(module, { initial: Math.min(pages, PAGES_MAX), maximum: PAGES_MAX })
    } catch (error) {
      // The module's own minimum cannot be read from JavaScript; too small a memory is a LinkError.
      if (!(error instanceof WebAssembly.LinkError) || pages >= PAGES_MAX) throw error
    }
  }
}

/**
 * The package's own `evaluate` with the same call of the module and half its cost around it: text goes straight into
 * the module's memory and is read straight from there.
 */
class Evaluator implements WasmInstance {
  readonly #policy: LoadedPolicy
  readonly #entrypoint: number
  #memory: Buffer

  constructor(policy: LoadedPolicy, entrypoint: number) {
    this.#policy = policy
    this.#entrypoint = entrypoint
    this.#memory = Buffer.from(policy.mem.buffer)
  }

  evaluate(input: object): unknown {
    return onlyResult(JSON.parse(this.answer(JSON.stringify(input))))
  }

  answer(text: string): string {
    const { dataAddr, dataHeapPtr, wasmInstance } = this.#policy
    this.#makeRoom(dataHeapPtr + text.length * UTF8_BYTES_MAX)
    const length = this.#memory.write(text, dataHeapPtr)
    const address = wasmInstance.exports.opa_eval(
      0,
      this.#entrypoint,
      dataAddr,
      dataHeapPtr,
      length,
      dataHeapPtr + length,
      0,
    )
    // The evaluation may have grown the memory, and with it replaced the buffer.
    this.#look()
    return this.#memory.toString('utf8', address, this.#memory.indexOf(0, address))
  }

  memoryBytes(): number {
    return this.#policy.mem.buffer.byteLength
  }

  #makeRoom(bytes: number): void {
    const missing = bytes - this.#policy.mem.buffer.byteLength
    if (missing > 0) this.#policy.mem.grow(Math.ceil(missing / PAGE_BYTES))
    this.#look()
  }

  #look(): void {
    const { buffer } = this.#policy.mem
    if (this.#memory.buffer !== buffer) this.#memory = Buffer.from(buffer)
  }
}

function builtinsOf({ wasmInstance, mem }: LoadedPolicy): string[] {
  const start = wasmInstance.exports.opa_json_dump(wasmInstance.exports.builtins())
  const bytes = new Uint8Array(mem.buffer)
  const names: unknown = JSON.parse(Buffer.from(bytes.subarray(start, bytes.indexOf(0, start))).toString())
  if (typeof names !== 'object' || names === null) throw new TypeError('the list of builtins is malformed')
  return Object.keys(names)
}

function onlyResult(results: unknown): unknown {
  if (!Array.isArray(results) || results.length !== 1) return undefined
  const first: unknown = results[0]
  return typeof first === 'object' && first !== null && Object.hasOwn(first, 'result') && 'result' in first
    ? first.result
    : undefined
}

/** The part of the WebAssembly JavaScript interface (W3C) in use: Node's own types leave it to the DOM library. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array)
    static imports(module: Module): { readonly module: string; readonly name: string; readonly kind: string }[]
    static exports(module: Module): { readonly name: string; readonly kind: string }[]
  }
  class LinkError extends Error {}
  interface Memory {
    readonly buffer: ArrayBuffer
    grow(pages: number): number
  }
  interface MemoryDescriptor {
    readonly initial: number
    readonly maximum: number
  }
}

/** The part of version 1.10.0 in use; the types it ships are `any`, and name no default export. */
declare module '@open-policy-agent/opa-wasm' {
  interface OpaWasm {
    loadPolicySync(module: WebAssembly.Module, memory: WebAssembly.MemoryDescriptor): LoadedPolicy
  }
  export interface LoadedPolicy {
    readonly minorVersion: number
    readonly entrypoints: { readonly [name: string]: number }
    readonly mem: WebAssembly.Memory
    readonly wasmInstance: { readonly exports: PolicyExports }
    /** Where the data lies, and where the heap goes on behind it. Both move with `setData`. */
    readonly dataAddr: number
    readonly dataHeapPtr: number
    setData(data: object): void
  }
  /** OPA's ABI 1.2 (OPA documentation, WebAssembly, "Exports"); addresses and lengths in bytes. */
  interface PolicyExports {
    builtins(): number
    opa_json_dump(address: number): number
    opa_eval(
      reserved: 0,
      entrypoint: number,
      data: number,
      input: number,
      inputLength: number,
      heap: number,
      format: 0,
    ): number
  }
  const opaWasm: OpaWasm
  export default opaWasm
}

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
    readonly wasmInstance: { readonly exports: { builtins(): number; opa_json_dump(address: number): number } }
    setData(data: object): void
    evaluate(input: object, entrypoint: string): unknown
  }
  const opaWasm: OpaWasm
  export default opaWasm
}

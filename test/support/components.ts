import { appendFileSync } from 'node:fs'

/** The real components that tests run against. A required one that no test touched fails the run when CI=true. */
export const components = {
  postgres: { title: 'PostgreSQL (embedded)', required: true },
  opa: { title: 'OPA, the command', required: true },
  'opa-wasm': { title: 'OPA WebAssembly, in process', required: true },
  'mcp-sdk-v1': { title: 'MCP client, TypeScript SDK v1 (handshake revisions)', required: true },
  'mcp-sdk-v2': { title: 'MCP client, TypeScript SDK v2 (2026-07-28)', required: true },
  'mcp-conformance': { title: 'MCP conformance suite (official)', required: true },
  'mcp-python': { title: 'MCP client, Python SDK', required: false },
  oras: { title: 'oras, the OCI client', required: true },
  pebble: { title: 'ACME server (Pebble)', required: true },
  regal: { title: 'Regal, the Rego linter', required: false },
  registry: { title: 'OCI registry (distribution)', required: true },
  sshd: { title: 'OpenSSH server', required: true },
  vault: { title: 'Vault (OpenBao)', required: true },
} as const satisfies { readonly [name: string]: { readonly title: string; readonly required: boolean } }

export type Component = keyof typeof components

/** Names the file in which the tests' processes leave their notes; set by the summary reporter. */
export const COMPONENTS_FILE = 'TEST_COMPONENTS_FILE'

/** Says that this test really ran against that component. Call it after the component answered, not before. */
export function exercised(component: Component): void {
  const file = process.env[COMPONENTS_FILE]
  const note: ComponentNote = { component }
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(note)}\n`)
}

export interface ComponentNote {
  readonly component: Component
}

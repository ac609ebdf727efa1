import { register } from 'node:module'
import { isMainThread } from 'node:worker_threads'

// The conformance suite imports `fs.globSync` (Node 22) for a command that no test uses; on Node 20 the import alone fails.
const fs = `data:text/javascript,${encodeURIComponent(
  "export * from 'node:fs'; export const globSync = () => { throw new Error('fs.globSync needs Node 22') }",
)}`

export async function resolve(specifier, context, next) {
  const isSuite = specifier === 'fs' && context.parentURL?.includes('/@modelcontextprotocol/conformance/')
  return isSuite ? { url: fs, shortCircuit: true } : next(specifier, context)
}

if (isMainThread) register(import.meta.url)

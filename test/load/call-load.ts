import { request, Agent } from 'node:http'

export interface CallLoad {
  readonly url: string
  readonly token: string
  readonly tool: string
  readonly args: object
}

export interface LoadResult {
  readonly calls: number
  readonly failed: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Calls one tool over so many connections for so long, each call after the answer to the one before. Every answer is checked. */
export async function callLoad(
  load: CallLoad,
  { connections, ms }: { readonly connections: number; readonly ms: number },
): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const spentMs: number[] = []
  let failed = 0
  const startMs = performance.now()
  const endMs = startMs + ms
  const worker = async () => {
    while (performance.now() < endMs) {
      const sentMs = performance.now()
      const isOk = await callOnce(load, agent)
      spentMs.push(performance.now() - sentMs)
      if (!isOk) failed += 1
    }
  }
  await Promise.all(Array.from({ length: connections }, worker))
  const seconds = (performance.now() - startMs) / 1000
  agent.destroy()
  const sorted = spentMs.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return { calls: sorted.length, failed, perSecond: sorted.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99) }
}

function callOnce({ url, token, tool, args }: CallLoad, agent: Agent): Promise<boolean> {
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: {
      name: tool,
      arguments: args,
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  })
  return new Promise((resolve, reject) => {
    const req = request(
      `${url}/rest/mcp`,
      {
        agent,
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/call',
          'mcp-name': tool,
        },
      },
      (res) => {
        const parts: Buffer[] = []
        res.on('data', (part: Buffer) => parts.push(part))
        res.on('end', () => resolve(isOk(Buffer.concat(parts).toString())))
        res.on('error', reject)
      },
    )
    req.on('error', reject)
    req.end(body)
  })
}

function isOk(text: string): boolean {
  const answer: { result?: { structuredContent?: { status?: string } } } = JSON.parse(text)
  return answer.result?.structuredContent?.status === 'ok'
}

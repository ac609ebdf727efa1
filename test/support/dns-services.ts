import { type IncomingMessage, createServer, type Server, type ServerResponse } from 'node:http'

/** A question as it came. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly body: { readonly [name: string]: unknown }
}

export interface DnsService {
  readonly url: string
  readonly asked: Asked[]
  stop(): Promise<void>
}

/** What the webhook of `acme.dns01` is documented to do, before a DNS server that Pebble asks. */
export function dnsWebhook(dnsUrl: string): Promise<DnsService> {
  return serve(async ({ body }) => {
    const host = `${String(body['name'])}.`
    await tell(dnsUrl, body['action'] === 'present' ? 'set-txt' : 'clear-txt', { host, value: body['value'] })
    return { status: 204 }
  })
}

/** The part of Cloudflare's API that publishes records, with one zone, before a DNS server that Pebble asks. */
export async function cloudflareZone(dnsUrl: string, zone: string, token: string): Promise<DnsService> {
  const records = new Map<string, { readonly id: string; readonly name: string; readonly content: string }>()
  const result = (value: unknown) => ({ status: 200, json: { success: true, errors: [], result: value } })
  return serve(async ({ method, path, authorization, body }) => {
    if (authorization !== `Bearer ${token}`) return { status: 403, json: { success: false, result: null } }
    const { pathname, searchParams } = new URL(path, 'http://cloudflare')
    const name = searchParams.get('name')
    if (pathname === '/zones') return result(name === zone ? [{ id: 'z0ne', name }] : [])
    if (method === 'GET') return result([...records.values()].filter((record) => record.name === name))
    const id = pathname.split('/')[4] ?? `rec${records.size}`
    const record = records.get(id) ?? { id, name: String(body['name']), content: String(body['content']) }
    const publish = () => tell(dnsUrl, 'set-txt', { host: `${record.name}.`, value: record.content })
    if (method === 'POST') records.set(id, record)
    else records.delete(id)
    await (method === 'POST' ? publish() : tell(dnsUrl, 'clear-txt', { host: `${record.name}.` }))
    return result(record)
  })
}

async function tell(dnsUrl: string, command: string, body: object): Promise<void> {
  const { ok, status } = await fetch(`${dnsUrl}/${command}`, { method: 'POST', body: JSON.stringify(body) })
  if (!ok) throw new Error(`the DNS server answers ${status}`)
}

async function serve(
  answer: (asked: Asked) => Promise<{ readonly status: number; readonly json?: object }>,
): Promise<DnsService> {
  const asked: Asked[] = []
  const server = createServer((request, response) => void respond(request, response, asked, answer))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${portOf(server)}`, asked, stop: () => closed(server) }
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  asked: Asked[],
  answer: (asked: Asked) => Promise<{ readonly status: number; readonly json?: object }>,
): Promise<void> {
  const text = await request.setEncoding('utf8').reduce((all, part) => all + part, '')
  const { authorization } = request.headers
  const body = text === '' ? {} : JSON.parse(text)
  const one: Asked = { method: request.method ?? '', path: request.url ?? '', authorization, body }
  asked.push(one)
  const { status, json } = await answer(one)
  response.writeHead(status, { 'content-type': 'application/json' }).end(json === undefined ? '' : JSON.stringify(json))
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

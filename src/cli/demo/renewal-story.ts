import { createServer } from 'node:tls'
import type { Question } from './question.ts'
import type { Api } from './seed.ts'
import { selfSigned } from './self-signed.ts'

const NAME = 'edge-certificate'
const DOMAIN = 'edge.example'

/** The certificate of a proxy in its last days, and the questions of the agent that looks after it. */
export interface RenewalStory {
  readonly questions: readonly Question[]
  /** Ends the proxy. */
  close(): void
}

/** Starts a proxy on loopback, and registers its certificate and where it listens. No certificate authority is needed. */
export async function renewalStory(api: Api, token: string): Promise<RenewalStory> {
  const [old, next] = [selfSigned(DOMAIN, 10), selfSigned(DOMAIN, 90)]
  const proxy = createServer({ cert: old.certificate, key: old.key }, (socket) => {
    socket.on('error', () => undefined)
    socket.end()
  })
  await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve))
  const address = proxy.address()
  const target = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  await api.patch('/groups/edge', { probeTargets: [target] })
  await api.post('/certificates', { name: NAME, groups: ['edge'], chain: old.certificate, privateKey: old.key })
  const asks = { agent: 'cert-renewal', token }
  const probe = {
    ...asks,
    tool: 'certlocker_create_probe',
    arguments: { target, expectCertificate: NAME },
  }
  const upload = async () => {
    await api.post(`/certificates/${NAME}/versions`, { chain: next.certificate, privateKey: next.key })
    return `an admin uploads version 1 of ${NAME}`
  }
  const reload = async () => {
    proxy.setSecureContext({ cert: next.certificate, key: next.key })
    return 'the proxy is reloaded with it'
  }
  return {
    questions: [
      {
        ...asks,
        says: 'cert-renewal looks for certificates that end within 14 days.',
        tool: 'certlocker_list_allowed_resources',
        arguments: { expiringWithinDays: 14 },
        expected: { status: 'ok', events: 2, shows: `${NAME} version 0` },
      },
      {
        ...probe,
        says: 'There is a new one. A probe tells that the proxy still serves the old one.',
        before: upload,
        expected: { status: 'ok', events: 4, shows: 'wrong_certificate' },
      },
      {
        ...probe,
        says: 'The same probe proves that the new one is served.',
        before: reload,
        expected: { status: 'ok', events: 4, shows: 'up' },
      },
    ],
    close: () => void proxy.close(),
  }
}

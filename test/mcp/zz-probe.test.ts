import { test } from 'vitest'
import { given } from '../support/given.ts'
import { openSession, rawMcp } from '../support/raw-mcp.ts'
import { testGateway } from '../support/test-gateway.ts'
import { silentLog } from '../support/silent-log.ts'
test('x', async () => {
  Object.assign(silentLog, { error: (m: string, f: object) => console.log(m, f), warn: (m: string, f: object) => console.log(m, f), debug: (m: string, f: object) => console.log(m, f) })
  const gateway = await testGateway()
  const tokens = await given(gateway, { agents: [{ name: 'a', groups: ['staging'] }] })
  const t = tokens['a'] ?? ''
  const s = await openSession(gateway.url, t)
  for (const session of [s, undefined]) {
    const a = await rawMcp(gateway.url, { token: t, sessionId: session, message: `${'['.repeat(100_000)}${']'.repeat(100_000)}` })
    console.log(a.status, a.text.slice(0, 300))
  }
  for (const d of [100, 1000, 5000, 20000, 100000]) {
    const a = await rawMcp(gateway.url, { token: t, sessionId: s, message: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"certlocker_get_secret","arguments":{"name":${'['.repeat(d)}${']'.repeat(d)}}}}` })
    console.log(d, a.status, a.text.slice(0, 300))
  }
  await gateway.stop()
})

import { randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { callLoad } from './call-load.ts'
import { startServer, cpuSeconds } from './processes.ts'
import { restClient } from '../support/rest-client.ts'
const dir = mkdtempSync('/tmp/prof-')
const adminKey = randomBytes(24).toString('hex')
const g = await startServer(['dist/cli/run.js', 'serve'], { CERTLOCKER_DATA_DIR: dir, CERTLOCKER_HTTP__PORT: '0', CERTLOCKER_BOOTSTRAP__ADMIN_KEY: adminKey, CERTLOCKER_LIMITS__CALLS_PER_MINUTE: '1000000000' })
const api = restClient(g.url, adminKey)
await api.create('/groups', { name: 'staging', environment: 'staging' })
await api.create('/people', { email: 'b@example.com', name: 'Bench', role: 'operator', groups: ['staging'] })
await api.create('/secrets', { name: 's', groups: ['staging'], value: 'xxxxxxxxxxxxxxxxxxxxx' })
await api.create('/agents', { name: 'bench', owner: 'b@example.com', riskLevel: 'low', scopes: ['secret:read'], groups: ['staging'] })
const { value } = await api.create('/tokens', { agentId: 'bench', name: 'bench', groups: ['staging'], ttlSeconds: 86400 })
const stages = async () => { const t = await (await fetch(`${g.url}/metrics`, { headers: { authorization: `Bearer ${adminKey}` } })).text(); const o: any = {}; for (const m of t.matchAll(/stage_seconds_(sum|count)\{stage="(\w+)"\} (\S+)/g)) (o[m[2]!] ??= {})[m[1]!] = Number(m[3]); return o }
for (const c of [16, 16, 16, 1, 64, 16]) {
  const b = cpuSeconds(g.pid); const s0 = await stages(); const m0 = process.cpuUsage()
  const r = await callLoad({ url: g.url, token: String(value), tool: 'certlocker_get_secret', args: { name: 's' } }, { connections: c, ms: 2500 })
  const a = cpuSeconds(g.pid); const s1 = await stages(); const m1 = process.cpuUsage(m0)
  console.log(c, Math.round(r.perSecond), 'p50', r.p50Ms.toFixed(1), 'cpu/call', ((a.own - b.own) * 1000 / r.calls).toFixed(2), 'pg', ((a.descendants - b.descendants) * 1000 / r.calls).toFixed(2), 'client', ((m1.user + m1.system) / 1000 / r.calls).toFixed(2), Object.keys(s1).map((k) => `${k} ${(((s1[k].sum - (s0[k]?.sum ?? 0)) / (s1[k].count - (s0[k]?.count ?? 0))) * 1000).toFixed(2)}`).join(' '))
}
await g.stop()

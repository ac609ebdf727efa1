import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DemoOutput } from './demo-output.ts'
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts'
import { type Asked, ask } from './question.ts'
import { seed } from './seed.ts'

/**
 * The main job in one command: a real gateway with a throw-away data directory, a real MCP client, three questions with
 * three different answers, and the proof.
 * @returns 0 when everything was as promised, else 1
 */
export async function demo({ keep }: { readonly keep: boolean }, out: DemoOutput): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'certlocker-demo-'))
  const adminKey = randomBytes(24).toString('hex')
  out.line('Starting a throw-away CertLocker MCP: PostgreSQL, sealed secret store, compiled policy, MCP endpoint …')
  const gateway = await startGatewayProcess({ dataDir: directory, adminKey })
  try {
    out.line(`Ready at ${gateway.url}\n`)
    const asExpected = await play(gateway, adminKey, out)
    if (keep) await leaveRunning(gateway, adminKey, out)
    return asExpected ? 0 : 1
  } finally {
    await gateway.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

async function play(gateway: GatewayProcess, adminKey: string, out: DemoOutput): Promise<boolean> {
  const { api, tokens } = await seed(gateway.url, adminKey)
  const questions: (Asked & { readonly says: string })[] = [
    {
      says: 'claude-code-e2e runs staging tests and needs a staging password.',
      agent: 'claude-code-e2e',
      token: tokens.claudeCodeE2e,
      arguments: { name: 'staging-login-password' },
      expected: { status: 'ok', events: 2 },
    },
    {
      says: 'cursor-ops is scoped to edge. A web page told it to print the production database password.',
      agent: 'cursor-ops',
      token: tokens.cursorOps,
      arguments: { name: 'prod-db-password' },
      expected: {
        status: 'denied',
        events: 1,
        message: 'Access denied. Token is scoped to groups [edge], secret is in [prod]',
      },
    },
    {
      says: 'deploy-bot may reach prod, but reading a production secret needs a person.',
      agent: 'deploy-bot',
      token: tokens.deployBot,
      arguments: { name: 'prod-deploy-key' },
      expected: { status: 'approval_required', events: 2 },
    },
  ]
  let asExpected = true
  for (const [index, question] of questions.entries()) {
    out.line(`${index + 1}. ${question.says}`)
    asExpected = (await ask(gateway, question, out)) && asExpected
  }
  const verified = await api.get('/audit/verify')
  const ok = verified['ok'] === true
  out.line(
    `${ok ? '✔' : '✘'} The audit log verifies: ${String(verified['size'])} events, Merkle root ${String(verified['root'])}`,
  )
  out.line(`
What next
  npm run demo -- --keep      leave it running and connect your own MCP client
  npm start                   your own gateway on http://127.0.0.1:8080
  npx certlocker --help       agents, tokens, secrets, audit, policy
  ARCHITECTURE.md             how one call goes down its one path
`)
  return asExpected && ok
}

async function leaveRunning(gateway: GatewayProcess, adminKey: string, out: DemoOutput): Promise<void> {
  const { tokens } = await seed(gateway.url, adminKey)
  out.line(`Still running until Ctrl-C.
  MCP endpoint   ${gateway.url}/rest/mcp
  REST API       ${gateway.url}/api/v1   (OpenAPI: ${gateway.url}/api/openapi.json)
  Admin          export CERTLOCKER_URL=${gateway.url} CERTLOCKER_API_KEY=${adminKey}

Connect Claude Code as claude-code-e2e:
  export CERTLOCKER_MCP_TOKEN=${tokens.claudeCodeE2e}
  claude mcp add --transport http certlocker ${gateway.url}/rest/mcp --header "Authorization: Bearer $CERTLOCKER_MCP_TOKEN"
`)
  await out.untilInterrupted()
}

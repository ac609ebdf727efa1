import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDemoHost } from './demo-host.ts'
import type { DemoOutput } from './demo-output.ts'
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts'
import { type Answered, answeredText, ask, type Question } from './question.ts'
import { renewalStory } from './renewal-story.ts'
import { type Seeded, seed } from './seed.ts'
import { sshQuestions } from './ssh-questions.ts'

export interface DemoFlags {
  readonly keep: boolean
  /** One JSON document at the end instead of a text that grows. */
  readonly json: boolean
}

/** What the demo has shown. */
interface Shown {
  readonly ok: boolean
  readonly url: string
  readonly questions: readonly (Answered & Pick<Question, 'says'>)[]
  /** Why nothing was asked over SSH; null when it was. */
  readonly sshSkipped: string | null
  /** The answer of `GET /audit/verify`. */
  readonly verify: Readonly<Record<string, unknown>>
}

/**
 * The main job in one command: a real gateway with a throw-away data directory, a real MCP client, questions with three
 * different answers, a person who approves one of them, a certificate that is replaced, and the proof.
 * @returns 0 when everything was as promised, else 1
 */
export async function demo({ keep, json }: DemoFlags, out: DemoOutput): Promise<number> {
  const say = json ? () => undefined : (text: string) => out.line(text)
  const directory = await mkdtemp(join(tmpdir(), 'certlocker-demo-'))
  const adminKey = randomBytes(24).toString('hex')
  say('Starting a throw-away CertLocker MCP: PostgreSQL, sealed secret store, compiled policy, MCP endpoint …')
  const gateway = await startGatewayProcess({ dataDir: directory, adminKey })
  try {
    say(`Ready at ${gateway.url}\n`)
    const shown = await play(gateway, { adminKey, directory }, say)
    say(whatNext)
    const kept = keep ? await keptRunning(gateway, adminKey) : undefined
    if (json) out.line(JSON.stringify({ ...shown, ...(kept && { kept }) }, null, 2))
    if (kept !== undefined) {
      say(keptText(kept))
      await out.untilInterrupted()
    }
    return shown.ok ? 0 : 1
  } finally {
    await gateway.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

async function play(
  gateway: GatewayProcess,
  { adminKey, directory }: { readonly adminKey: string; readonly directory: string },
  say: (text: string) => void,
): Promise<Shown> {
  const { api, approver, tokens } = await seed(gateway.url, adminKey)
  const questions: Shown['questions'][number][] = []
  const put = async (question: Question): Promise<void> => {
    say(`${questions.length + 1}. ${question.says}`)
    if (question.before !== undefined) say(`   person   ${await question.before()}`)
    const answered = await ask(gateway, question)
    say(answeredText(answered))
    questions.push({ says: question.says, ...answered })
  }
  const renewal = await renewalStory(api, tokens.certRenewal)
  try {
    const all = [...questionsOf(tokens, () => approveFirst(approver)), ...renewal.questions]
    for (const question of all) await put(question)
  } finally {
    renewal.close()
  }
  const skipped = await overSsh(api, directory, put)
  if (skipped !== undefined) say(`SSH is left out: ${skipped}\n`)
  const verify = await api.get('/audit/verify')
  const verified = verify['ok'] === true
  say(
    `${verified ? '✔' : '✘'} The audit log verifies: ${String(verify['size'])} events, Merkle root ${String(verify['root'])}`,
  )
  const ok = verified && questions.every(({ asExpected }) => asExpected)
  return { ok, url: gateway.url, questions, sshSkipped: skipped ?? null, verify }
}

/** Asks over SSH, where this machine can be a host. @returns why it cannot */
async function overSsh(
  api: Seeded['api'],
  directory: string,
  put: (question: Question) => Promise<void>,
): Promise<string | undefined> {
  const { publicKey } = await api.get('/ssh-ca')
  const host = await startDemoHost(directory, String(publicKey))
  if (typeof host === 'string') return host
  try {
    for (const question of await sshQuestions(api, host)) await put(question)
  } finally {
    await host.stop()
  }
  return undefined
}

/** Decides what waits, as a person who is not the agent's owner. */
async function approveFirst(approver: Seeded['approver']): Promise<string> {
  const { items } = await approver.get('/approvals?status=pending')
  const [id] = Array.isArray(items) ? items.map((item: { readonly id?: unknown }) => String(item.id)) : []
  await approver.post(`/approvals/${id}/approve`, { comment: 'demo' })
  return `bo@example.com approves ${id}: exactly this call, once`
}

function questionsOf(tokens: Seeded['tokens'], approve: () => Promise<string>): readonly Question[] {
  const deployKey = { agent: 'deploy-bot', token: tokens.deployBot, arguments: { name: 'prod-deploy-key' } }
  return [
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
      ...deployKey,
      expected: { status: 'approval_required', events: 2 },
    },
    {
      says: 'A person approves. deploy-bot repeats the same call, and it runs.',
      before: approve,
      ...deployKey,
      expected: { status: 'ok', events: 3 },
    },
    {
      says: 'It ran once: the next time a person has to approve again.',
      ...deployKey,
      expected: { status: 'approval_required', events: 2 },
    },
  ]
}

const whatNext = `
What next
  npm run demo -- --keep      leave it running and connect your own MCP client
  npm start                   your own gateway on http://127.0.0.1:8080
  npx certlocker --help       agents, tokens, secrets, audit, policy
  ARCHITECTURE.md             how one call goes down its one path
`

/** Where the gateway that is left running is, and fresh bearers for it. */
interface Kept {
  readonly mcpEndpoint: string
  readonly restApi: string
  readonly openApi: string
  readonly adminKey: string
  readonly agent: 'claude-code-e2e'
  readonly token: string
}

async function keptRunning({ url }: GatewayProcess, adminKey: string): Promise<Kept> {
  const { tokens } = await seed(url, adminKey)
  return {
    mcpEndpoint: `${url}/rest/mcp`,
    restApi: `${url}/api/v1`,
    openApi: `${url}/api/openapi.json`,
    adminKey,
    agent: 'claude-code-e2e',
    token: tokens.claudeCodeE2e,
  }
}

function keptText({ mcpEndpoint, restApi, openApi, adminKey, agent, token }: Kept): string {
  return `Still running until Ctrl-C.
  MCP endpoint   ${mcpEndpoint}
  REST API       ${restApi}   (OpenAPI: ${openApi})
  Admin          export CERTLOCKER_URL=${new URL(restApi).origin} CERTLOCKER_API_KEY=${adminKey}

Connect Claude Code as ${agent}:
  export CERTLOCKER_MCP_TOKEN=${token}
  claude mcp add --transport http certlocker ${mcpEndpoint} --header "Authorization: Bearer $CERTLOCKER_MCP_TOKEN"
`
}

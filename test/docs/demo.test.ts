import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { childEnvironment } from '../../src/config/cli-environment.ts'

const DEMO_MS_MAX = 90_000

test(
  'the demo shows allow, deny and require-approval, proves the log, stops everything and ends with 0',
  async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['src/launch.js', 'demo'], {
      env: childEnvironment(),
      timeout: DEMO_MS_MAX,
    })
    expect(stdout).toMatch(/1\. claude-code-e2e [^]*answer {3}ok: version 0, \d+ characters/u)
    expect(stdout).toMatch(/audit {4}AI_AGENT_POLICY_ALLOWED agent=claude-code-e2e resource=staging-login-password /u)
    expect(stdout).toContain('answer   denied: Access denied. Token is scoped to groups [edge], secret is in [prod]')
    expect(stdout).toMatch(/audit {4}AI_AGENT_POLICY_DENIED agent=cursor-ops resource=prod-db-password /u)
    expect(stdout).toMatch(/answer {3}approval_required: [^\n]* Approval apr_/u)
    expect(stdout).toMatch(
      /4\. A person approves[^]*person {3}bo@example\.com approves apr_[^]*answer {3}ok: version 0/u,
    )
    expect(stdout).toMatch(/audit {4}APPROVAL_CONSUMED agent=deploy-bot resource=prod-deploy-key /u)
    expect(stdout).toMatch(/5\. It ran once[^]*answer {3}approval_required/u)
    expect(stdout).toMatch(/6\. cert-renewal looks[^]*answer {3}ok: edge-certificate version 0, ends 20/u)
    expect(stdout).toMatch(
      /7\. [^]*person {3}an admin uploads version 1 [^]*answer {3}ok: wrong_certificate; 127\.0\.0\.1 /u,
    )
    expect(stdout).toMatch(/8\. [^]*answer {3}ok: up; 127\.0\.0\.1 serves the expected certificate/u)
    expect(stdout).toMatch(/✔ The audit log verifies: \d+ events/u)
    expect(stdout).toContain('What next')
  },
  DEMO_MS_MAX,
)

test(
  'the demo prints the same as one JSON document, without a value',
  async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['src/launch.js', 'demo', '--json'], {
      env: childEnvironment(),
      timeout: DEMO_MS_MAX,
    })
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      questions: [
        {
          agent: 'claude-code-e2e',
          tool: 'certlocker_get_secret',
          arguments: { name: 'staging-login-password' },
          decision: { status: 'ok', code: null, decisionId: expect.stringMatching(/^dec_/) },
          audit: [
            expect.stringMatching(/^AI_AGENT_POLICY_ALLOWED /),
            expect.stringMatching(/^AI_AGENT_CALL_COMPLETED /),
          ],
        },
        {
          agent: 'cursor-ops',
          decision: {
            status: 'denied',
            code: 'GROUP_MISMATCH',
            message: 'Access denied. Token is scoped to groups [edge], secret is in [prod]',
          },
          audit: [expect.stringMatching(/^AI_AGENT_POLICY_DENIED /)],
        },
        { agent: 'deploy-bot', decision: { status: 'approval_required', code: 'APPROVAL_PRODUCTION' } },
        { agent: 'deploy-bot', decision: { status: 'ok' } },
        { agent: 'deploy-bot', decision: { status: 'approval_required' } },
        { agent: 'cert-renewal', tool: 'certlocker_list_allowed_resources', decision: { status: 'ok' } },
        { agent: 'cert-renewal', tool: 'certlocker_create_probe', asExpected: true },
        { agent: 'cert-renewal', tool: 'certlocker_create_probe', asExpected: true },
      ],
      verify: { ok: true, size: expect.any(Number), root: expect.any(String) },
    })
    expect(stdout).not.toContain('"value"')
  },
  DEMO_MS_MAX,
)

import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { childEnvironment } from '../../src/config/cli-environment.ts'
import { findSshd } from '../components/sshd.ts'

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
    expect(stdout).toMatch(/^(?:SSH is left out: .*sshd.*|9\. hermes-ops [^]*10\. .*)$/mu)
    expect(stdout).toContain('What next')
  },
  DEMO_MS_MAX,
)

test(
  'the demo prints the same as one JSON document, without a value, and asks over SSH where there is an sshd',
  async () => {
    const { stdout } = await onMachineWithSshd(['src/launch.js', 'demo', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      sshSkipped: null,
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
        { agent: 'hermes-ops', decision: { status: 'ok', message: expect.stringContaining('recorded') } },
        { agent: 'hermes-ops', decision: { status: 'ok', message: 'exit code 0, Linux' }, audit: { length: 4 } },
        { agent: 'hermes-ops', decision: { status: 'denied', code: 'GROUP_MISMATCH' } },
      ],
      verify: { ok: true, size: expect.any(Number), root: expect.any(String) },
    })
    expect(stdout).not.toContain('"value"')
    expect(stdout).not.toContain('clk_ssh_')
  },
  DEMO_MS_MAX,
)

/** As on a machine where OpenSSH's server is installed: as root that needs an account of its own, shown to it alone. */
async function onMachineWithSshd(words: readonly string[]): Promise<{ readonly stdout: string }> {
  const sshd = await findSshd()
  if (sshd === undefined) throw new Error('no OpenSSH server: npm run tools')
  const env = {
    ...childEnvironment(),
    ...sshd.environment,
    PATH: `${dirname(sshd.path)}:${process.env['PATH']}`,
  }
  const options = { env, timeout: DEMO_MS_MAX }
  if (process.getuid?.() !== 0) return promisify(execFile)(process.execPath, words, options)
  const folder = await mkdtemp(join(tmpdir(), 'certlocker-demo-accounts-'))
  await mkdir('/run/sshd', { recursive: true })
  const accounts = (await readFile('/etc/passwd', 'utf8')).trimEnd()
  await writeFile(
    join(folder, 'passwd'),
    `${accounts.replace(/^sshd:.*\n/mu, '')}\nsshd:x:65501:65534::/run/sshd:/usr/sbin/nologin\n`,
  )
  const script = 'mount --bind "$0/passwd" /etc/passwd && exec "$@"'
  try {
    return await promisify(execFile)(
      'unshare',
      ['--mount', '/bin/sh', '-c', script, folder, process.execPath, ...words],
      options,
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}

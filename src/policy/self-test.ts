import { ok, type Result } from '../kernel/result.ts'
import { type BundleProblem, refused, thrownText } from './bundle-problem.ts'
import { checkDecision } from './decision-check.ts'
import { buildInput } from './input.ts'
import { inputBounds } from './input-check.ts'
import type { PolicyInput } from './input.schema.ts'
import type { WasmInstance } from './wasm-instance.ts'

/**
 * The most processor time that one evaluation may take, in milliseconds: it blocks the process and cannot be
 * interrupted. Processor time, because on a busy machine everything takes long.
 */
const EVALUATION_BUDGET_MS = 100

/**
 * Asks a candidate what will be asked of it, from nothing known up to the largest lists and arguments, each size four
 * times the one before, so that a rule of quadratic cost is found out before its worst.
 * @param cpuMs the processor time spent so far, in milliseconds
 */
export function selfTest(instance: WasmInstance, cpuMs: () => number): Result<undefined, BundleProblem> {
  for (const answered of selfTestSteps(instance, cpuMs)) if (!answered.ok) return answered
  return ok(undefined)
}

/**
 * The same, question by question, so that others can have their turn in between.
 * @param cpuMs undefined for a bundle that was timed before: it is asked the small questions only
 */
export function* selfTestSteps(
  instance: WasmInstance,
  cpuMs: (() => number) | undefined,
): Generator<Result<undefined, BundleProblem>, void> {
  for (const items of cpuMs === undefined ? ladder.slice(0, SMALL_RUNGS) : ladder) {
    for (const [kind, action] of asked) {
      const input = question(kind, action, items)
      yield answersInTime(() => checked(instance, input), cpuMs ?? untimed, `${action} with lists of ${items}`)
    }
  }
}

function answersInTime(ask: () => void, cpuMs: () => number, question: string): Result<undefined, BundleProblem> {
  try {
    const spentMs = fastest(ask, cpuMs)
    if (spentMs <= EVALUATION_BUDGET_MS) return ok(undefined)
    return refused('BUNDLE_TOO_SLOW', `${question} took ${Math.ceil(spentMs)} ms of ${EVALUATION_BUDGET_MS} ms`)
  } catch (error) {
    return refused('BUNDLE_SELF_TEST_FAILED', `${question}: ${thrownText(error)}`)
  }
}

const TRIES = 2
const agentActions = [
  '',
  'secret.read',
  'certificate.read_key',
  'certificate.request',
  'resource.list',
  'ssh.request',
  'ssh.command',
  'probe.create',
  'audit.write',
]
const operatorActions = ['agent.create', 'secret.update', 'token.create', 'approval.approve']
const ladder = [0, 1, 64, 256, 1024]
const SMALL_RUNGS = 2
const untimed = (): number => 0
const asked = [
  ...agentActions.map((action) => ['agent', action] as const),
  ...operatorActions.map((action) => ['person', action] as const),
]

/** Other threads count too, so that only a question that is slow every time is slow. */
function fastest(run: () => void, cpuMs: () => number): number {
  let best = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < TRIES && best > EVALUATION_BUDGET_MS; attempt += 1) {
    const startMs = cpuMs()
    run()
    best = Math.min(best, cpuMs() - startMs)
  }
  return best
}

function checked(instance: WasmInstance, input: PolicyInput): void {
  const decision = checkDecision(instance.evaluate(input), input.call.id)
  if (!decision.ok) throw new Error(`${decision.error.code}: ${decision.error.problem}`)
}

function question(kind: 'agent' | 'person', action: string, items: number): PolicyInput {
  const names = (of: string) => Array.from({ length: items }, (_, index) => `${of}${index}`)
  const call = { id: `dec_self-test-${action}-${items}`, action, tool: '', digest: '', attempt: 1, unixMs: 0 }
  if (items === 0) return buildInput({ call, timeZone: 'UTC', principal: { kind, id: '', name: '' } })
  return buildInput({
    call,
    timeZone: 'UTC',
    principal: {
      kind,
      id: 'agt_1',
      role: kind === 'person' ? 'operator' : '',
      name: 'a',
      status: 'active',
      riskLevel: 'high',
      scopes: names('scope'),
      groups: names('group'),
    },
    token: {
      groups: names('group'),
      scopes: names('scope'),
      cidrs: names('cidr'),
      cidrMatched: true,
      expiresUnixMs: 1,
    },
    resource: {
      type: 'secret',
      name: 'a',
      exists: true,
      groups: names('other'),
      domains: names('domain'),
      probeTargets: names('target'),
      environment: 'production',
      kind: 'shared',
      disclosure: 'raw',
    },
    arguments: { lists: names('argument'), text: 'a'.repeat((TEXT_CHARACTERS_MAX * items) / largest) },
    derived: {
      url: { scheme: 'https', host: 'a.example', port: 443, path: '/', ipClass: 'public' },
      command: { argv0: 'a', argv: names('argument'), hasShellSyntax: true },
      ttlSeconds: 1,
      domains: names('asked'),
    },
  })
}

/** With the largest lists, as much as an input may hold. */
const TEXT_CHARACTERS_MAX = inputBounds.sizeMax / 4
const largest = Math.max(...ladder)

import type { FromSchema } from 'json-schema-to-ts'
import { agentFacts } from '../../domain/agents/agent.ts'
import {
  expectCertificate,
  probeResultSchema,
  type ProbeToolResult,
  probeTarget,
} from '../../domain/probes/probe.schema.ts'
import type { Probe } from '../../domain/probes/probe.ts'
import { createProbe as createProbeFor, type ProbeAuthor, type RunProbeDeps } from '../../domain/probes/run-probe.ts'
import type { Token } from '../../domain/tokens/token.ts'
import { digestOfText } from '../../kernel/digest.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { AgentCaller } from '../caller.ts'
import { defineTool, type Tool } from '../tool.ts'

const ID_CHARACTERS = 25

const argumentsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['target'],
  properties: {
    target: { ...probeTarget, 'x-agent-text': true },
    expectCertificate: { ...expectCertificate, 'x-agent-text': true },
  },
} as const

/** Looks at an endpoint and says what is wrong with it. Scope: `probe:create`. Never returns a body. */
export function createProbe(deps: RunProbeDeps): Tool {
  return defineTool<FromSchema<typeof argumentsSchema>, ProbeToolResult>({
    name: 'certlocker_create_probe',
    title: 'Probe an endpoint',
    description:
      'Connects to every address of an endpoint and says whether it is up, down, tls_broken, expired, wrong_certificate or ' +
      'http_error, with the certificate it serves. With expectCertificate it says which address serves another one. ' +
      'Only targets that a group of this agent registers may be probed.',
    action: 'probe.create',
    scopes: ['probe:create'],
    readOnly: false,
    attaches: true,
    arguments: argumentsSchema,
    result: probeResultSchema,
    resource: ({ target }) => ({ type: 'probe_target', name: target }),
    run: async ({ caller, resource, arguments: args, signal }) => {
      if (resource.type !== 'probe_target' || resource.target === undefined) return err(fault('PROBE_TARGET_FORBIDDEN'))
      const { target, registered } = resource
      const { effectiveGroups } = caller.standing
      const listing = registered.map(({ name }) => name).filter((name) => effectiveGroups.includes(name))
      const groups = listing.length > 0 ? listing : effectiveGroups
      const destination = resource.destination ?? (await deps.prober.locate(target))
      const { expectCertificate } = args
      const once = idForOnce(caller.standing.token)
      const asked = { ...once, target, destination, groups, expectCertificate, everySeconds: undefined }
      return resultOf(await createProbeFor(deps, authorOf(caller), asked, signal))
    },
  })
}

/** A token for single use makes one probe at most, so that its call, repeated or racing with itself, finds that one. */
function idForOnce({ id, singleUse }: Pick<Token, 'id' | 'singleUse'>): { readonly id?: string } {
  return singleUse ? { id: `prb_${digestOfText(id).slice(-ID_CHARACTERS)}` } : {}
}

/** @returns NOT_FOUND while the first look is under way */
export function resultOf(found: Result<Probe, Fault>): Result<ProbeToolResult, Fault> {
  if (!found.ok) return found
  const { id: probeId, target, groups, latest } = found.value
  if (latest === null) return err(fault('NOT_FOUND', { message: 'The probe has no result yet; ask again' }))
  const { at, verdict, addresses } = latest
  return ok({ probeId, target, groups: [...groups], verdict, checkedAt: at.toISOString(), addresses: [...addresses] })
}

function authorOf({ standing, session, request, client }: AgentCaller): ProbeAuthor {
  const { agent, token, effectiveGroups } = standing
  return {
    by: {
      actor: { kind: 'agent', id: agent.id, name: agent.name },
      groups: effectiveGroups,
      requestId: request.id,
      traceparent: request.traceparent,
      client: { ip: request.clientIp, name: client.name, version: client.version },
      // The call's own decision event holds it.
      decision: null,
      breakGlass: false,
    },
    on: { agent: agentFacts(agent), tokenId: token.id, sessionId: session.id },
  }
}

import type { FromSchema } from 'json-schema-to-ts'
import { probeResultSchema, type ProbeToolResult, probeTarget } from '../../domain/probes/probe.schema.ts'
import { fault } from '../../kernel/fault.ts'
import { err, ok } from '../../kernel/result.ts'
import { defineTool, type Tool } from '../tool.ts'
import { resultOf } from './create-probe.ts'

const argumentsSchema = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
  properties: {
    probeId: { type: 'string', pattern: '^prb_[0-9a-z]{1,40}$', description: 'As certlocker_create_probe gave it' },
    target: { ...probeTarget, 'x-agent-text': true, description: 'The target, as it was probed' },
  },
} as const

/** The latest result of a probe of the agent's groups, its own or another's. Scope: `probe:read`. */
export function getProbe(): Tool {
  return defineTool<FromSchema<typeof argumentsSchema>, ProbeToolResult>({
    name: 'certlocker_get_probe',
    title: 'Read a probe',
    description:
      'Gives the latest result of a probe, by its probeId or its target: whether the endpoint is up, down, tls_broken, ' +
      'expired, wrong_certificate or http_error.',
    action: 'probe.read',
    scopes: ['probe:read'],
    readOnly: true,
    arguments: argumentsSchema,
    result: probeResultSchema,
    resource: ({ probeId, target }) => ({ type: 'probe', name: probeId ?? target ?? '' }),
    run: async ({ resource }) => {
      if (resource.type !== 'probe' || resource.probe === undefined) return err(fault('NOT_FOUND'))
      return resultOf(ok(resource.probe))
    },
  })
}

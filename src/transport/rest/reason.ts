import { reasonSchema } from '../../domain/agents/agent.schema.ts'

/** The body of acts that may be done without saying why. The reason is kept with the recorded decision. */
export const optionalReasonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: reasonSchema.properties,
} as const
export type OptionalReason = { readonly reason?: string }

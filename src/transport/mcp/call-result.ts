import type { CallToolResult } from '@modelcontextprotocol/server'
import type { Outcome } from '../../gateway/outcome.ts'

/**
 * An outcome on the wire: structured content for programs and one text block for models, since many clients show the
 * model only text. A denial is a tool error the model can react to; a needed approval is not an error.
 */
export function callToolResult(outcome: Outcome): CallToolResult {
  if (outcome.status === 'ok') {
    const { result, ...trace } = outcome
    const structuredContent = { ...trace, ...result }
    return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent }
  }
  const content: CallToolResult['content'] = [{ type: 'text', text: outcome.message }]
  if (outcome.status === 'approval_required') return { content, structuredContent: { ...outcome } }
  return { content, structuredContent: { ...outcome }, isError: true }
}

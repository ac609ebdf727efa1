import type { ServerResponse } from 'node:http'
import type { AgentCaller } from '../../gateway/caller.ts'
import type { Guard } from '../../gateway/guard.ts'
import { callToolResult } from './call-result.ts'
import type { PlainCall } from './plain-call.ts'

const INTERNAL_ERROR = -32603

export interface PlainAnswerDeps {
  readonly guard: Guard
  readonly serverInfo: { readonly name: string; readonly title: string; readonly version: string }
}

/** Answers a plain call as the SDK would, without its two request objects, two validations and one server per call. */
export async function answerPlainCall(
  { guard, serverInfo }: PlainAnswerDeps,
  caller: AgentCaller,
  call: PlainCall,
  res: ServerResponse,
): Promise<void> {
  const cancelled = new AbortController()
  // In the modern era a client cancels by closing the answer's stream.
  if (call.era === 'modern') res.once('close', () => res.writableFinished || cancelled.abort())
  const outcome = await guard.call(caller, call.tool, call, cancelled.signal)
  const { requestId } = outcome
  const isBug = outcome.status === 'failed' && outcome.code === 'INTERNAL'
  const envelope = { jsonrpc: '2.0', id: call.id }
  const answer = isBug
    ? { ...envelope, error: { code: INTERNAL_ERROR, message: 'Internal error', data: { requestId } } }
    : { result: resultOf(call, callToolResult(outcome), serverInfo), ...envelope }
  send(res, call.era, JSON.stringify(answer))
}

function resultOf({ era }: PlainCall, result: object, serverInfo: PlainAnswerDeps['serverInfo']): object {
  if (era === 'handshake') return result
  return { ...result, resultType: 'complete', _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo } }
}

function send(res: ServerResponse, era: PlainCall['era'], message: string): void {
  if (res.destroyed) return
  if (era === 'modern') {
    res
      .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(message) })
      .end(message)
    return
  }
  const event = `event: message\ndata: ${message}\n\n`
  res
    .writeHead(200, {
      'cache-control': 'no-cache, no-transform',
      connection: 'keep-alive',
      'content-type': 'text/event-stream',
      'x-accel-buffering': 'no',
      'content-length': Buffer.byteLength(event),
    })
    .end(event)
}

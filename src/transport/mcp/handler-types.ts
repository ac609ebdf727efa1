import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AgentCaller } from '../../gateway/caller.ts'
import type { Guard } from '../../gateway/guard.ts'
import type { Tool } from '../../gateway/tool.ts'
import type { Log } from '../../kernel/log.ts'

export interface HandlerDeps {
  readonly guard: Guard
  readonly catalog: readonly Tool[]
  readonly serverInfo: { readonly name: string; readonly title: string; readonly version: string }
  readonly log: Log
}

/** Answers one authenticated POST, in whichever protocol era it speaks. */
export type Handler = (caller: AgentCaller, req: IncomingMessage, res: ServerResponse, body: unknown) => Promise<void>

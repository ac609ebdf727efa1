import type { Fault } from '../kernel/fault.ts'
import type { Result } from '../kernel/result.ts'
import type { Author } from '../domain/audit/author.ts'
import type { InputFacts, ResourceInput } from '../policy/input.ts'

/** What a person or a pipeline asks for over REST: the action it is authorized as, on which resource, and the effect. */
export interface Operation<T> {
  /** The action the policy decides, for example `agent.suspend`. */
  readonly action: string
  /** The resource as the policy sees it; for a creation, the one that would come to be. Omitted for lists. */
  readonly resource?: ResourceInput
  /** What the policy could not work out by itself. */
  readonly derived?: InputFacts['derived']
  /** The schema-valid body with `x-sensitive` members masked. */
  readonly arguments: { readonly [name: string]: unknown }
  /** True for the owners' way out (see, stop): an admin gets through although the policy is away or says otherwise. */
  readonly breakGlass: boolean
  /** Runs only after the policy allowed it. A change records its event, with the author's decision, in its own transaction. */
  run(by: Author): Promise<Result<T, Fault>>
}

/** Why an operation did not happen: a policy's denial, or a fault. */
export type Refusal =
  | { readonly kind: 'denied'; readonly code: string; readonly message: string; readonly decisionId: string }
  | { readonly kind: 'fault'; readonly fault: Fault }

import type { Agent } from '../../domain/agents/agent.ts'
import { cursorAfter, everyItem, type Paged } from '../../domain/page.ts'
import type { Person } from '../../domain/people/person.ts'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import type { Environment } from '../../kernel/vocabulary.ts'
import type { OperatorCaller } from '../caller.ts'
import { type AccessDeps, rightsOf } from './access-deps.ts'
import { type Access, accessOfAgent, accessOfOperator, toolsOnRegistered } from './access-of.ts'
import {
  type Registered,
  registeredCertificate,
  registeredHost,
  registeredSecret,
  registeredView,
} from './registered.ts'
import { type SimulatedRights, simulatedPerson } from './simulated-callers.ts'

/** Pairs of a resource and somebody that one page looks at. A page may then be short, and say where to go on. */
const PAIRS_PER_PAGE_MAX = 2_000

/** Somebody who can reach a resource, and how. */
export interface ResourceAccess {
  readonly resource: ReturnType<typeof registeredView>
  readonly principal: { readonly kind: 'agent' | 'person' | 'service'; readonly id: string; readonly name: string }
  readonly actions: readonly Access[]
}

/** About one resource, or about all of an environment that may be shown. */
export type AccessQuestion =
  | { readonly resource: Registered }
  | { readonly environment: Environment; readonly visible: readonly string[] | undefined }

/**
 * People, services and agents that can reach a resource, by which path and with which effect. Each is asked of the active
 * policy in simulation, so that the answer cannot differ from it; whoever would be denied everything is left out. Agents
 * are narrowed in SQL to those that share a group, which is sound while no company rule allows across groups.
 * @param builtIn the service that comes in without being registered: the holder of the bootstrap key
 * @returns ARGUMENT_INVALID when the cursor is not one of ours
 */
export async function resourceAccess(
  deps: AccessDeps,
  builtIn: OperatorCaller,
  question: AccessQuestion,
  { cursor, limit }: { readonly cursor: string | undefined; readonly limit: number },
): Promise<Result<Paged<ResourceAccess>, Fault>> {
  const start = parsePlace(cursor)
  if (start === undefined) return err(fault('ARGUMENT_INVALID', { message: 'cursor is not one that a list returned' }))
  const items: ResourceAccess[] = []
  let place = start
  let pairs = 0
  for await (const pair of pairsFrom({ deps, builtIn, question, rights: remembered(deps) }, start)) {
    const found = await pair.access()
    if (found !== undefined && items.length === limit) return ok({ items, nextCursor: cursorOf(place) })
    if (found !== undefined) items.push(found)
    place = pair.place
    if (++pairs === PAIRS_PER_PAGE_MAX) return ok({ items, nextCursor: cursorOf(place) })
  }
  return ok({ items, nextCursor: null })
}

const shelves = ['certificate', 'host', 'shared', 'private'] as const
const kinds = ['service', 'person', 'agent'] as const

/** Where a page begins. Cursors are those of the lists underneath; '' is their beginning. */
interface Place {
  readonly shelf: (typeof shelves)[number]
  /** After which the resource stands. */
  readonly resource: string
  readonly kind: (typeof kinds)[number]
  /** After whom to go on. */
  readonly principal: string
}

interface Pair {
  /** Where to go on after it. */
  readonly place: Place
  /** What they could do, or undefined when it is nothing. */
  access(): Promise<ResourceAccess | undefined>
}

interface Search {
  readonly deps: AccessDeps
  readonly builtIn: OperatorCaller
  readonly question: AccessQuestion
  readonly rights: (agent: Agent) => Promise<readonly SimulatedRights[]>
}

/** One agent turns up at many resources. */
function remembered(deps: AccessDeps): Search['rights'] {
  const known = new Map<string, ReturnType<Search['rights']>>()
  return (agent) => {
    const rights = known.get(agent.id) ?? rightsOf(deps, agent)
    known.set(agent.id, rights)
    return rights
  }
}

async function* pairsFrom(search: Search, start: Place): AsyncGenerator<Pair> {
  const { deps, question } = search
  let place = start
  const shelvesLeft = 'resource' in question ? shelves.slice(0, 1) : shelves.slice(shelves.indexOf(start.shelf))
  for (const shelf of shelvesLeft) {
    place = place.shelf === shelf ? place : { shelf, resource: '', kind: 'service', principal: '' }
    for await (const resource of resourcesOn(deps, question, place)) {
      for (const kind of kinds.slice(kinds.indexOf(place.kind))) {
        const after = kind === place.kind ? place.principal : ''
        yield* pairsOf(search, resource, { ...place, kind, principal: after })
      }
      place = { shelf, resource: cursorAfter(resource), kind: 'service', principal: '' }
    }
  }
}

async function* pairsOf({ deps, builtIn, rights }: Search, resource: Registered, place: Place): AsyncGenerator<Pair> {
  const { stores, simulation } = deps
  const after = place.principal === '' ? undefined : place.principal
  if (place.kind === 'service') {
    const access = () => accessOfOperator(simulation, builtIn, resource)
    yield { place: { ...place, kind: 'person' }, access: rowOf(resource, builtIn, access) }
  } else if (place.kind === 'person') {
    for await (const person of everyItem((page) => stores.people.list({}, page), after)) {
      if (person.disabledAt !== null) continue
      const caller = simulatedPerson(person)
      const access = () => accessOfOperator(simulation, caller, resource)
      yield { place: placeAfter(place, person), access: rowOf(resource, caller, access) }
    }
  } else {
    const filter = resource.ownerId === null ? { groups: resource.groups } : { owner: resource.ownerId }
    for await (const agent of everyItem((page) => stores.agents.list(filter, page), after)) {
      const access = async () =>
        accessOfAgent(
          simulation,
          await rights(agent),
          toolsOnRegistered(deps.catalog.toolsOn, resource.type),
          resource.identified,
        )
      yield { place: placeAfter(place, agent), access: rowOf(resource, { ...agent, kind: 'agent' }, access) }
    }
  }
}

function rowOf(
  resource: Registered,
  { kind, id, name }: ResourceAccess['principal'],
  access: () => Promise<readonly Access[]>,
): Pair['access'] {
  return async () => {
    const actions = (await access()).filter(({ effect }) => effect !== 'deny')
    if (actions.length === 0) return undefined
    return { resource: registeredView(resource), principal: { kind, id, name }, actions }
  }
}

async function* resourcesOn(
  { stores }: AccessDeps,
  question: AccessQuestion,
  { shelf, resource: cursor }: Place,
): AsyncGenerator<Registered> {
  if ('resource' in question) yield question.resource
  else yield* resourcesOf(stores, question, shelf, cursor === '' ? undefined : cursor)
}

async function* resourcesOf(
  stores: AccessDeps['stores'],
  { environment, visible }: Extract<AccessQuestion, { environment: Environment }>,
  shelf: Place['shelf'],
  after: string | undefined,
): AsyncGenerator<Registered> {
  const groups: string[] = []
  for await (const group of everyItem((page) =>
    stores.groups.list(visible === undefined ? {} : { groups: visible }, page),
  ))
    if (group.environment === environment) groups.push(group.name)
  const isOfEnvironment = (resource: Registered) =>
    resource.environment === environment && (shelf !== 'private' || visible === undefined)
  if (shelf === 'certificate') {
    for await (const certificate of everyItem((page) => stores.certificates.list({ groups }, page), after)) {
      const resource = registeredCertificate(certificate)
      if (isOfEnvironment(resource)) yield resource
    }
  } else if (shelf === 'host') {
    for await (const host of everyItem((page) => stores.hosts.list({ groups }, page), after)) {
      const resource = registeredHost(host)
      if (isOfEnvironment(resource)) yield resource
    }
  } else {
    const filter = shelf === 'shared' ? { kind: shelf, groups } : { kind: shelf }
    for await (const secret of everyItem((page) => stores.secrets.list(filter, page), after)) {
      const resource = registeredSecret(secret)
      if (isOfEnvironment(resource)) yield resource
    }
  }
}

function placeAfter(place: Place, principal: Person | Agent): Place {
  return { ...place, principal: cursorAfter(principal) }
}

function cursorOf({ shelf, resource, kind, principal }: Place): string {
  return [shelf, resource, kind, principal].join('.')
}

function parsePlace(cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return { shelf: 'certificate', resource: '', kind: 'service', principal: '' }
  const [shelfName, resource, kindName, principal, ...rest] = cursor.split('.')
  const shelf = shelves.find((each) => each === shelfName)
  const kind = kinds.find((each) => each === kindName)
  if (shelf === undefined || kind === undefined || resource === undefined || principal === undefined || rest.length > 0)
    return undefined
  return { shelf, resource, kind, principal }
}

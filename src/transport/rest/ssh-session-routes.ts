import type { Host } from '../../domain/hosts/host.ts'
import { finishSshSession } from '../../domain/ssh/finish-ssh-session.ts'
import {
  type RequestSshSession,
  requestSshSessionSchema,
  sshGrantSchema,
  type SshSessionState,
  sshSessionSchema,
  sshSessionStates,
  sshTtlSecondsDefault,
} from '../../domain/ssh/ssh-session.schema.ts'
import { sshSessionView } from '../../domain/ssh/ssh-session.ts'
import { hostInput } from '../../gateway/identify.ts'
import { grant, ttlSecondsMax } from '../../gateway/ssh/grant.ts'
import { ok } from '../../kernel/result.ts'
import { agentFilter, groupFilter, groupsToList, listOf, listQuery, type PageQuery, pageOf, reference } from './list.ts'
import { mapOk } from './map-ok.ts'
import { type OptionalReason, optionalReasonSchema } from './reason.ts'
import { viewRecording } from './recording.ts'
import type { RestDeps } from './rest-deps.ts'
import { defineRoute, missing, type Route } from './route.ts'
import { bodyShape, queryShape } from './validate.ts'

const status = { enum: sshSessionStates, description: 'How far it is', examples: ['active'] } as const
const hostFilter = { ...reference, description: 'Id or name of a host', examples: ['edge-proxy-1'] } as const

type Filters = PageQuery & {
  readonly agent?: string
  readonly host?: string
  readonly status?: SshSessionState
  readonly group?: string
}

export const sshSessionRoutes: readonly Route[] = [
  defineRoute({
    id: 'getSshCa',
    method: 'GET',
    path: '/ssh-ca',
    action: 'ssh_ca.read',
    summary: 'Show the key that hosts put under TrustedUserCAKeys',
    response: {
      type: 'object',
      additionalProperties: false,
      required: ['publicKey'],
      properties: {
        publicKey: {
          type: 'string',
          description: 'The public key as an OpenSSH line',
          examples: [
            'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHE0ZXN0a2V5dGVzdGtleXRlc3RrZXl0ZXN0a2V5dGVz certlocker-ssh-ca',
          ],
        },
      },
    },
    errors: ['SSH_CA_UNAVAILABLE', 'SSH_CA_REFUSED'],
    handle: async ({ signer }) => mapOk(await signer.publicKey(), (publicKey) => ({ publicKey })),
  }),
  defineRoute({
    id: 'createSshSession',
    method: 'POST',
    path: '/ssh-sessions',
    action: 'ssh.request',
    summary: 'Open an SSH session of your own on a host, through the bastion',
    status: 201,
    body: bodyShape<RequestSshSession>(requestSshSessionSchema),
    response: sshGrantSchema,
    errors: ['BASTION_UNAVAILABLE', 'SSH_SESSION_LIMIT', 'GATEWAY_RESOURCE_CHANGED'],
    onceShown: ['ticket'],
    find: async ({ stores }, { body }) => {
      const host = await stores.hosts.find(body.host)
      if (host === undefined) return missing('host', body.host)
      const derived = { ttlSeconds: body.ttlSeconds ?? sshTtlSecondsDefault }
      return ok({ resource: hostInput(host), subject: host, derived })
    },
    handle: async (deps, by, { caller, body }, host: Host) =>
      grant(deps, by, {
        ...body,
        host,
        holder: { kind: caller.kind, id: caller.id, name: caller.name },
        agent: null,
        client: by.client ?? { ip: caller.request.clientIp, name: '', version: '' },
        ttlSecondsMax: ttlSecondsMax(by.decision?.obligations ?? []),
      }),
  }),
  defineRoute({
    id: 'listSshSessions',
    method: 'GET',
    path: '/ssh-sessions',
    action: 'ssh_session.list',
    summary: 'List SSH sessions on hosts in the groups of the caller; admins and auditors see all',
    query: queryShape<Filters>(listQuery({ agent: agentFilter, host: hostFilter, status, group: groupFilter })),
    response: listOf(sshSessionSchema),
    handle: async ({ stores }, _by, { caller, query }) => {
      const { agent, host, status: wanted, group } = query
      const filter = {
        ...(await groupsToList(stores, caller, group)),
        ...(agent === undefined ? {} : { agent }),
        ...(host === undefined ? {} : { host }),
        ...(wanted === undefined ? {} : { status: wanted }),
      }
      return mapOk(await stores.sshSessions.list(filter, pageOf(query)), ({ items, nextCursor }) => ({
        items: items.map(sshSessionView),
        nextCursor,
      }))
    },
  }),
  defineRoute({
    id: 'getSshSession',
    method: 'GET',
    path: '/ssh-sessions/:id',
    action: 'ssh_session.read',
    summary: 'Show an SSH session',
    response: sshSessionSchema,
    find: (deps, { id }) => findSshSession(deps, id),
    handle: async (_deps, _by, _request, session) => ok(sshSessionView(session)),
  }),
  defineRoute({
    id: 'endSshSession',
    method: 'POST',
    path: '/ssh-sessions/:id/end',
    action: 'ssh_session.end',
    summary: 'Cut an SSH session; what is open of it is closed within two seconds',
    breakGlass: true,
    body: bodyShape<OptionalReason>(optionalReasonSchema),
    response: sshSessionSchema,
    errors: ['SSH_SESSION_OVER'],
    find: (deps, { id }) => findSshSession(deps, id),
    handle: async (deps, by, _request, { id }) => mapOk(await finishSshSession(deps, by, id, 'admin'), sshSessionView),
  }),
  defineRoute({
    id: 'getSshRecording',
    method: 'GET',
    path: '/ssh-sessions/:id/recording',
    action: 'ssh_session.view_recording',
    summary: 'Give out what was recorded of an SSH session, as asciicast v3; that is on record',
    contentType: 'application/x-asciicast',
    response: {
      type: 'string',
      description: 'asciicast v3: a header, and an event on each line',
      examples: [recordingExample()],
    },
    errors: ['RECORDING_MISSING'],
    find: (deps, { id }) => findSshSession(deps, id),
    handle: (deps, by, _request, session) => viewRecording(deps, by, session),
  }),
]

async function findSshSession({ stores }: RestDeps, id: string) {
  const session = await stores.sshSessions.find(id)
  if (session === undefined) return missing('ssh_session', id)
  const { groups, environment } = session.host
  return ok({
    resource: { type: 'ssh_session', id, name: id, groups, environment, exists: true },
    subject: session,
  })
}

function recordingExample(): string {
  return '{"version":3,"term":{"cols":80,"rows":24,"type":"xterm"}}\n[0.25,"o","$ "]\n'
}

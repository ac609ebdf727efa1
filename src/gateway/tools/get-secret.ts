import { type ReadSecretDeps, readSecret } from '../../domain/secrets/read-secret.ts'
import {
  type GetSecretArguments,
  type GetSecretResult,
  getSecretArguments,
  getSecretResult,
} from '../../domain/secrets/secret.schema.ts'
import { fault } from '../../kernel/fault.ts'
import { err } from '../../kernel/result.ts'
import { defineTool, type Tool } from '../tool.ts'

/** Reads one secret's current (or a named) version. Scopes: `secret:read`, for private secrets `private_secret:read`. */
export function getSecret(deps: ReadSecretDeps): Tool {
  return defineTool<GetSecretArguments, GetSecretResult>({
    name: 'certlocker_get_secret',
    title: 'Read a secret',
    description:
      'Returns the value of one secret that this agent may read. certlocker_list_allowed_resources lists the names. ' +
      'The answer can be a denial with its reason, or approval_required: then call again with the same arguments later.',
    action: 'secret.read',
    scopes: ['secret:read', 'private_secret:read'],
    readOnly: true,
    arguments: getSecretArguments,
    result: getSecretResult,
    resource: ({ name, version }) => ({ type: 'secret', name, ...(version === undefined ? {} : { version }) }),
    run: async ({ resource, arguments: { version } }) => {
      if (resource.type !== 'secret' || resource.secret === undefined) return err(fault('NOT_FOUND'))
      return readSecret(deps, resource.secret, version)
    },
  })
}

import { everyItem } from '../../domain/page.ts'
import type { Stores } from '../../domain/stores.ts'
import { type ResourceInput, strictestEnvironment } from '../../policy/input.ts'

/**
 * The resource as the policy sees it: in its groups and those that the request would give it, and with the strictest
 * environment among them, so that nothing changes hands by way of a group that the caller lacks.
 * @param asked names or ids from the request; those that do not exist are left out, and the use case refuses them
 */
export async function resourceInGroups(
  stores: Pick<Stores, 'groups'>,
  resource: Omit<ResourceInput, 'environment'>,
  asked: readonly string[] = [],
): Promise<ResourceInput> {
  const wanted = [...new Set([...(resource.groups ?? []), ...asked])]
  if (wanted.length === 0) return { ...resource, groups: [] }
  const names: string[] = []
  const environments: Parameters<typeof strictestEnvironment>[0][number][] = []
  for await (const { name, environment } of everyItem((page) => stores.groups.list({ groups: wanted }, page))) {
    names.push(name)
    environments.push(environment)
  }
  return { ...resource, groups: names, environment: strictestEnvironment(environments) }
}

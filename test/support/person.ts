import { type RestClient, restClient } from './rest-client.ts'
import type { TestGateway } from './test-gateway.ts'

/** A person with a key of their own. */
export interface Person {
  readonly email: string
  readonly value: string
  readonly api: RestClient
}

export async function operator(gateway: TestGateway, email: string, groups: readonly string[]): Promise<Person> {
  return person(gateway, email, 'operator', groups)
}

export async function person(
  gateway: TestGateway,
  email: string,
  role: string,
  groups: readonly string[] = [],
): Promise<Person> {
  await gateway.api.create('/people', { email, name: email, role, groups })
  const { value } = await gateway.api.create('/api-keys', { person: email, name: 'test', ttlSeconds: 3600 })
  return { email, value: String(value), api: restClient(gateway.url, String(value)) }
}

import type { Body } from './rest-client.ts'

/** The items of a list's answer. */
export function itemsOf(body: Body): readonly Body[] {
  return Array.isArray(body['items']) ? body['items'] : []
}

export function namesIn(body: Body): readonly unknown[] {
  return itemsOf(body).map(({ name }) => name)
}

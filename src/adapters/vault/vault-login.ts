import { readFile } from 'node:fs/promises'
import { type Fault, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'
import { Secret } from '../../kernel/secret.ts'
import { memberOf } from '../../kernel/json-members.ts'
import type { VaultAnswer, VaultClient } from './vault-client.ts'

/** How the gateway proves to Vault who it is. `mount` is where that login method lies, when not at its usual place. */
export type VaultAuth =
  | { readonly method: 'token'; readonly token: Secret<string> }
  | { readonly method: 'approle'; readonly mount: string; readonly roleId: string; readonly secretId: Secret<string> }
  | { readonly method: 'kubernetes'; readonly mount: string; readonly role: string; readonly jwtFile: string }

/** A token and what Vault said of its life when it gave or prolonged it. */
export interface Grant {
  readonly token: Secret<string>
  /** 0: it lives until it is revoked. */
  readonly seconds: number
  readonly renewable: boolean
}

/**
 * Logs in. A token that was configured is looked up, which tells how long it lives.
 * @returns SECRET_STORE_REFUSED when Vault does not know the gateway, or SECRET_STORE_UNAVAILABLE
 */
export async function login(client: VaultClient, auth: VaultAuth): Promise<Result<Grant, Fault>> {
  if (auth.method === 'token') return lookedUp(client, auth.token)
  const credentials = await credentialsOf(auth)
  if (!credentials.ok) return credentials
  const path = `auth/${auth.mount}/login`
  return granted(await client.request({ operation: 'login', method: 'POST', path, body: credentials.value }), 'login')
}

/** Prolongs a token. @returns SECRET_STORE_REFUSED when Vault will not, or SECRET_STORE_UNAVAILABLE */
export async function renew(client: VaultClient, token: Secret<string>): Promise<Result<Grant, Fault>> {
  const path = 'auth/token/renew-self'
  return granted(await client.request({ operation: 'renew', method: 'POST', path, token, body: {} }), 'renewal')
}

/** @returns the token with the rest of its life, SECRET_STORE_REFUSED when Vault does not take it any more */
export async function lookedUp(client: VaultClient, token: Secret<string>): Promise<Result<Grant, Fault>> {
  const path = 'auth/token/lookup-self'
  const answer = await client.request({ operation: 'lookup', method: 'GET', path, token })
  if (!answer.ok) return answer
  const seconds = memberOf(answer.value.body, 'data', 'ttl')
  if (answer.value.status !== 200 || typeof seconds !== 'number') return err(refused('the token', answer.value))
  return ok({ token, seconds, renewable: memberOf(answer.value.body, 'data', 'renewable') === true })
}

async function credentialsOf(auth: Exclude<VaultAuth, { readonly method: 'token' }>): Promise<Result<object, Fault>> {
  if (auth.method === 'approle') return ok({ role_id: auth.roleId, secret_id: auth.secretId.expose() })
  try {
    // Kubernetes replaces the token in the file long before it expires.
    return ok({ role: auth.role, jwt: (await readFile(auth.jwtFile, 'utf8')).trim() })
  } catch {
    return err(fault('SECRET_STORE_REFUSED', { detail: `Vault, login: ${auth.jwtFile} cannot be read` }))
  }
}

function granted(answer: Result<VaultAnswer, Fault>, what: string): Result<Grant, Fault> {
  if (!answer.ok) return answer
  const { status, body } = answer.value
  const token = memberOf(body, 'auth', 'client_token')
  const seconds = memberOf(body, 'auth', 'lease_duration')
  if (status !== 200 || typeof token !== 'string' || !isHeaderText(token) || typeof seconds !== 'number')
    return err(refused(what, answer.value))
  return ok({ token: new Secret(token), seconds, renewable: memberOf(body, 'auth', 'renewable') === true })
}

function isHeaderText(text: string): boolean {
  return /^[\x21-\x7e]{1,4096}$/.test(text)
}

function refused(what: string, { status }: VaultAnswer): Fault {
  return fault('SECRET_STORE_REFUSED', { detail: `Vault refuses ${what} (${status})` })
}

import { readFile } from 'node:fs/promises'
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose'
import type { ProvenLauncher, VerifyLauncher } from '../../domain/sessions/launcher.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type Fault, FaultError, fault } from '../../kernel/fault.ts'
import { err, ok, type Result } from '../../kernel/result.ts'

export interface OidcSettings {
  readonly issuer: string
  readonly audience: string
  /** The issuer's keys (JWK set): one of the two. */
  readonly jwksFile?: string | undefined
  readonly jwksUrl?: string | undefined
}

/** Signatures with a public key only: a secret that both sides know would let the gateway's own settings forge launchers. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
const CLOCK_TOLERANCE_SECONDS = 30
const KEYS_TIMEOUT_MS = 5_000
/** An unknown key asks the issuer at most this often, however many tokens name one. */
const KEYS_COOLDOWN_MS = 30_000
const KEYS_MAX_AGE_MS = 600_000
const TOKEN_CHARACTERS_MAX = 16_384

/**
 * Verifies OpenID Connect ID tokens (OpenID Connect Core 1.0, section 3.1.3.7): signature, issuer, audience, authorized party
 * and times on the given clock. The launcher is named by `email` unless it is marked unverified, else
 * `preferred_username`, else `sub`.
 * @throws FaultError with CONFIGURATION_INVALID when the file holds no JWK set
 */
export async function openLauncherVerifier(settings: OidcSettings, clock: Clock): Promise<VerifyLauncher> {
  const keys = await keysOf(settings)
  const { issuer, audience } = settings
  return async (idToken) => {
    if (idToken.length > TOKEN_CHARACTERS_MAX) return refused('longer than any ID token')
    try {
      const { payload } = await jwtVerify(idToken, keys, {
        issuer,
        audience,
        algorithms,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(clock.now()),
        requiredClaims: ['sub', 'exp', 'iat'],
      })
      return proven(payload, audience)
    } catch (error) {
      return refusal(error)
    }
  }
}

async function keysOf({ jwksFile, jwksUrl }: OidcSettings): Promise<JWTVerifyGetKey> {
  if (jwksUrl !== undefined)
    return createRemoteJWKSet(new URL(jwksUrl), {
      timeoutDuration: KEYS_TIMEOUT_MS,
      cooldownDuration: KEYS_COOLDOWN_MS,
      cacheMaxAge: KEYS_MAX_AGE_MS,
    })
  try {
    const set: JSONWebKeySet = JSON.parse(await readFile(jwksFile ?? '', 'utf8'))
    return createLocalJWKSet(set)
  } catch (error) {
    const message = `launcher.oidc.jwksFile names ${jwksFile}, which holds no JWK set`
    throw new FaultError(fault('CONFIGURATION_INVALID', { message, cause: error }))
  }
}

function proven({ sub, exp, aud, azp, ...claims }: JWTPayload, audience: string): Result<ProvenLauncher, Fault> {
  if (Array.isArray(aud) && aud.length > 1 && azp !== audience) return refused('meant for another party (azp)')
  const email = claims['email_verified'] === false ? undefined : claims['email']
  const name = [email, claims['preferred_username'], sub].find(isName)
  if (name === undefined || exp === undefined) return refused('names nobody')
  return ok({ name, untilMs: exp * 1000 })
}

/** A name is taken whole or not at all: cut or cleaned it could be somebody else's. */
function isName(claim: unknown): claim is string {
  return typeof claim === 'string' && /^[^\p{Cc}\p{Cf}\p{Cs}]{1,256}$/u.test(claim)
}

/** What is wrong with a token is the operator's to know; jose's messages quote nothing of it. */
function refusal(error: unknown): Result<never, Fault> {
  const isAboutToken =
    error instanceof errors.JWTClaimValidationFailed ||
    error instanceof errors.JWTExpired ||
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys
  if (isAboutToken) return refused(error.code)
  return err(fault('LAUNCHER_UNVERIFIABLE', { cause: error }))
}

function refused(why: string): Result<never, Fault> {
  return err(fault('UNAUTHENTICATED', { detail: `the launcher token: ${why}` }))
}

import { OAuth2Server } from 'oauth2-mock-server'
import type { Settings } from './test-gateway.ts'

const audience = 'certlocker'

/** A provider of OpenID Connect that says who launches clients. */
export interface IdTokenIssuer {
  /** What makes a gateway believe it. */
  readonly settings: Settings
  /** An ID token about a person, for the gateway. */
  idToken(email: string): Promise<string>
  stop(): Promise<void>
}

export async function idTokenIssuer(): Promise<IdTokenIssuer> {
  const provider = new OAuth2Server()
  await provider.issuer.keys.generate('RS256')
  await provider.start(0, '127.0.0.1')
  const issuer = provider.issuer.url ?? ''
  return {
    settings: {
      CERTLOCKER_LAUNCHER__OIDC__ISSUER: issuer,
      CERTLOCKER_LAUNCHER__OIDC__AUDIENCE: audience,
      CERTLOCKER_LAUNCHER__OIDC__JWKS_URL: `${issuer}/jwks`,
    },
    idToken: (email) =>
      provider.issuer.buildToken({
        scopesOrTransform: (_header, payload) => Object.assign(payload, { aud: audience, sub: `sub-${email}`, email }),
      }),
    stop: () => provider.stop(),
  }
}

/** Why a policy bundle is refused, each with what its owners do about it. The last good bundle goes on serving. */
export const bundleFaults = {
  BUNDLE_TOO_LARGE: rejected('Move data out of the bundle, or split what is no policy from it'),
  BUNDLE_BOMB: rejected('Trust neither it nor where it came from: it unpacks to far more than any policy needs'),
  BUNDLE_NAME_UNSAFE: rejected('Trust neither it nor where it came from: build it with `certlocker policy build`'),
  BUNDLE_NAME_TWICE: rejected(
    'Build it anew with `certlocker policy build`: readers differ on which of two files counts',
  ),
  BUNDLE_MALFORMED: rejected('Build it with `certlocker policy build` and ship it unchanged'),
  BUNDLE_DELTA: rejected('Ship whole bundles: have the server answer with snapshots'),
  BUNDLE_DATA_UNDER_POLICY: rejected('Keep data below certlocker/config, and packages elsewhere'),
  BUNDLE_UNSIGNED: rejected('Sign it with `certlocker policy sign` or `opa sign`'),
  BUNDLE_SIGNATURE_INVALID: rejected('Sign it with the private key of one in policy.publicKeys'),
  BUNDLE_SCOPE_MISMATCH: rejected('Sign it with the scope in policy.scope'),
  BUNDLE_TAMPERED: rejected('Sign it last, and find out who changed it after that'),
  BUNDLE_SCHEMA_UNSUPPORTED: rejected('Build it with the `certlocker` of this gateway'),
  BUNDLE_SHIPPED_RULES_UNKNOWN: rejected('Build it with the `certlocker` of this gateway, which has its shipped rules'),
  BUNDLE_ROLLED_BACK: rejected('Build it with a higher --sequence; to go back, use `certlocker policy rollback`'),
  BUNDLE_MODULE_INVALID: rejected('Build it with the pinned opa, by `certlocker policy build`'),
  BUNDLE_BUILTIN_UNKNOWN: rejected('Write the rule without that builtin; `certlocker policy lint` names alternatives'),
  BUNDLE_SELF_TEST_FAILED: rejected('Find the rule that throws with `certlocker policy test`'),
  BUNDLE_VECTOR_FAILED: rejected('Correct the rule or the vector; `certlocker policy test` shows the difference'),
  BUNDLE_TOO_SLOW: rejected('Make the rule cheaper on long lists: look up instead of iterating'),
  BUNDLE_DISCARDED: rejected('An admin discarded it after seeing its impact; build another one'),
  BUNDLE_SOURCE_UNAVAILABLE: rejected('Look whether policy.source is right and its server answers; it is asked again'),
  BUNDLE_DIGEST_MISMATCH: rejected('Do not trust that registry: it answered with something else than it promised'),
} as const

function rejected<T extends string>(text: T) {
  return { kind: 'invalid', http: 422, retry: false, text } as const
}

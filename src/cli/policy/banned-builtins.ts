/** What to write instead of a builtin that is not among the permitted ones. */
export function alternativeTo(builtin: string): string {
  const found = alternatives.find(([banned]) => banned.test(builtin))
  return found?.[1] ?? 'Compute it without this builtin, or ask for it as a field of `derived` in the input.'
}

const alternatives: readonly (readonly [banned: RegExp, alternative: string])[] = [
  [/^sprintf$/u, 'Use `concat` and `format_int`, or put the values into the `details` of the reason.'],
  [/^regex\.(?:split|replace|find_n|globs_match)$/u, 'Use `split`, `strings.replace_n` or `regex.match`.'],
  [/^time\./u, 'Use input.call.time (unixMs, weekday, hour, minute), so that a replay sees the time of the call.'],
  [
    /^(?:http\.send|net\.lookup_ip_addr)$/u,
    'Put what the rule needs into the tunables or into labels of the resource: a decision asks nobody.',
  ],
  [/^(?:opa\.runtime|rand\.|uuid\.)/u, 'Decide by the input alone: the same call has the same answer.'],
  [/^(?:yaml|json\.(?:patch|match_schema|verify_schema)|graphql)/u, 'Use `json.unmarshal` and look at the fields.'],
  [/^net\.cidr_/u, 'Use `net.cidr_contains` or `net.cidr_intersects`.'],
  [/^(?:io\.jwt|crypto)\./u, 'Use the principal and the launcher of the input: the gateway has verified them.'],
  [/^strings\.any_(?:prefix|suffix)_match$/u, 'Use `startswith` or `endswith` with `some … in`.'],
  [/^object\.subset$/u, 'Compare the fields, or use `object.get` and `in`.'],
  [/^(?:trace|print)$/u, 'Take it out, or keep it to the tests.'],
]

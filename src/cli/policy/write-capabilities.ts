import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageRoot } from './package-root.ts'
import { runOpa } from './run-opa.ts'

/**
 * The builtins a policy may call: those that OPA compiles into the module itself, so that nothing is left to the host
 * and both engines answer alike. Left out on purpose: `sprintf`, `regex.split`, `yaml.*` (the npm host's differ from
 * Go's), everything that reads time, network or randomness, and template strings.
 */
const allowed: ReadonlySet<string> = new Set(
  `
  abs and array.concat array.flatten array.reverse array.slice assign base64.decode base64.encode base64.is_valid
  base64url.decode base64url.encode bits.and bits.lsh bits.negate bits.or bits.rsh bits.xor ceil concat contains count div
  endswith eq equal floor format_int glob.match graph.reachable gt gte indexof internal.member_2 internal.member_3
  intersection is_array is_boolean is_null is_number is_object is_set is_string json.filter json.is_valid json.marshal
  json.remove json.unmarshal lower lt lte max min minus mul neq net.cidr_contains net.cidr_intersects numbers.range
  object.filter object.get object.keys object.remove object.union object.union_n or plus product
  regex.find_all_string_submatch_n regex.is_valid regex.match rego.metadata.chain rego.metadata.rule rem replace round
  sort split startswith strings.replace_n strings.reverse substring sum to_number trim trim_left trim_prefix trim_right
  trim_space trim_suffix type_name union upper walk
  `
    .trim()
    .split(/\s+/),
)

/** @returns the text of `bundles/capabilities.json`: what the pinned `opa` can do, reduced to what a policy may use */
export async function capabilitiesText(): Promise<string> {
  const { stdout } = await runOpa(['capabilities', '--current'], { cwd: packageRoot })
  const current: { builtins: { name: string }[]; features: string[] } = JSON.parse(stdout)
  const builtins = current.builtins.filter(({ name }) => allowed.has(name))
  const features = current.features.filter((feature) => feature !== 'template_strings')
  return `${JSON.stringify({ ...current, builtins, features, allow_net: [] }, null, 2)}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(packageRoot, 'bundles', 'capabilities.json'), await capabilitiesText())
}

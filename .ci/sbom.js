// Prints a CycloneDX list of what the gateway needs to run. `npm sbom --omit dev` also leaves out what both the gateway and a
// tool need, and names the product after its folder.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const { name, version } = JSON.parse(readFileSync('package.json', 'utf8'))
const npm = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx', '--sbom-type', 'application']
const sbom = JSON.parse(
  execFileSync('npm', npm, { encoding: 'utf8', maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'inherit'] }),
)
const isTool = ({ properties = [] }) => properties.some((property) => property.name === 'cdx:npm:package:development')
const tools = new Set(sbom.components.filter(isTool).map((component) => component['bom-ref']))
const self = sbom.metadata.component['bom-ref']
const kept = (ref) => !tools.has(ref)
const renamed = (ref) => (ref === self ? `${name}@${version}` : ref)

sbom.metadata.component = {
  ...sbom.metadata.component,
  'bom-ref': renamed(self),
  name,
  version,
  purl: `pkg:npm/${name}@${version}`,
}
sbom.components = sbom.components.filter((component) => kept(component['bom-ref']))
sbom.dependencies = sbom.dependencies
  .filter(({ ref }) => kept(ref))
  .map(({ ref, dependsOn = [] }) => ({ ref: renamed(ref), dependsOn: dependsOn.filter(kept) }))
process.stdout.write(`${JSON.stringify(sbom, null, 2)}\n`)

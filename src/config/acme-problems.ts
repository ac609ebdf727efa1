import { readFile } from 'node:fs/promises'
import { isLoopback } from '../kernel/loopback.ts'
import type { Config } from './config.schema.ts'
import type { ConfigProblem } from './config-problem.ts'
import { certificatesProblem, fileProblem } from './file-problems.ts'

type Issuer = Config['acme']['issuers'][number]

/** The name that the PKI engine of Vault has as an issuer. */
const VAULT_PKI = 'vault-pki'

/** What no schema can say about certificate authorities: found at the start, and not by the first order. */
export async function acmeProblems({
  issuers,
  dns01,
}: Config['acme']): Promise<readonly (ConfigProblem | undefined)[]> {
  const found = await Promise.all(issuers.map((issuer, index) => issuerProblems(issuer, `acme.issuers[${index}]`)))
  const names = issuers.map(({ name }) => name)
  return [
    ...found.flat(),
    ...names.map((name, index) => nameProblem(name, names.indexOf(name) < index, `acme.issuers[${index}].name`)),
    dns01 && (await dns01Problem(dns01)),
  ]
}

async function dns01Problem({ credentialsFile, credentialsSecret }: NonNullable<Config['acme']['dns01']>) {
  const place = 'acme.dns01.credentialsFile'
  if ((credentialsFile === undefined) === (credentialsSecret === undefined))
    return { place, problem: 'or credentialsSecret is needed, one of them' }
  return credentialsFile === undefined ? undefined : fileProblem(place, credentialsFile)
}

function nameProblem(name: string, isRepeated: boolean, place: string): ConfigProblem | undefined {
  if (name === VAULT_PKI) return { place, problem: `is ${VAULT_PKI}, which is the PKI engine of vault.mounts.pki` }
  return isRepeated ? { place, problem: `is ${name}, as that of another issuer` } : undefined
}

async function issuerProblems({ directoryUrl, caFile, eab }: Issuer, place: string) {
  return [
    urlProblem(`${place}.directoryUrl`, directoryUrl),
    caFile === undefined ? undefined : await certificatesProblem(`${place}.caFile`, caFile),
    eab && (await macKeyProblem(`${place}.eab.hmacKeyFile`, eab.hmacKeyFile)),
  ]
}

/** Who stands in between could have certificates issued in the gateway's name. */
function urlProblem(place: string, url: string): ConfigProblem | undefined {
  if (!URL.canParse(url)) return { place, problem: 'is no URL' }
  const { protocol, hostname } = new URL(url)
  const isOpen = protocol === 'http:' && !isLoopback(hostname.replace(/^\[|\]$/g, ''))
  return isOpen ? { place, problem: 'must be https, or http to this machine' } : undefined
}

/** What is no base64url is read as another key, and refused by the authority much later. */
async function macKeyProblem(place: string, file: string): Promise<ConfigProblem | undefined> {
  const unreadable = await fileProblem(place, file)
  if (unreadable !== undefined) return unreadable
  const isKey = /^[A-Za-z0-9_-]+$/.test((await readFile(file, 'utf8')).trim())
  return isKey ? undefined : { place, problem: `names ${file}, which does not hold a key in base64url` }
}

import { X509Certificate } from 'node:crypto'
import { access, constants, readFile } from 'node:fs/promises'
import { privateFileProblem } from '../kernel/private-file.ts'
import type { ConfigProblem } from './config-problem.ts'

/** @returns the problem with a file that cannot be read */
export async function fileProblem(place: string, file: string): Promise<ConfigProblem | undefined> {
  try {
    await access(file, constants.R_OK)
    return undefined
  } catch {
    return { place, problem: `names ${file}, which cannot be read` }
  }
}

/** Found at the start, since TLS passes over what is no certificate, and every server is unknown then. */
export async function certificatesProblem(place: string, file: string): Promise<ConfigProblem | undefined> {
  const unreadable = await fileProblem(place, file)
  if (unreadable !== undefined) return unreadable
  const blocks = (await readFile(file, 'utf8')).match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? []
  if (blocks.length > 0 && blocks.every(isCertificate)) return undefined
  return { place, problem: `names ${file}, which does not hold certificates in PEM, all of them whole` }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}

/** @returns the problem with a file that cannot be read, or that others may read */
export async function keyFileProblem(place: string, file: string): Promise<ConfigProblem | undefined> {
  const unreadable = await fileProblem(place, file)
  if (unreadable !== undefined) return unreadable
  const problem = await privateFileProblem(file)
  return problem === undefined ? undefined : { place, problem: `names a file that is not private: ${problem}` }
}

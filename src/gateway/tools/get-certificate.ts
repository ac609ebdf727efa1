import {
  type GetCertificateArguments,
  type GetCertificateResult,
  getCertificateArguments,
  getCertificateResult,
} from '../../domain/certificates/certificate.schema.ts'
import { type ReadCertificateDeps, readCertificate } from '../../domain/certificates/read-certificate.ts'
import { fault } from '../../kernel/fault.ts'
import { err } from '../../kernel/result.ts'
import { defineTool, type Tool } from '../tool.ts'

/** Reads a certificate's chain, and its key where that is asked for and allowed. Scopes: `certificate:read`, `certificate:request`. */
export function getCertificate(deps: ReadCertificateDeps): Tool {
  return defineTool<GetCertificateArguments, GetCertificateResult>({
    name: 'certlocker_get_certificate',
    title: 'Read a certificate',
    description:
      'Returns the current chain (PEM) of one certificate with its fingerprint and dates. includePrivateKey asks for the key ' +
      'too: by default a person has to approve that, so leave it out unless the key is needed.',
    action: 'certificate.read',
    scopes: ['certificate:read', 'certificate:request'],
    readOnly: true,
    arguments: getCertificateArguments,
    result: getCertificateResult,
    actionOf: ({ includePrivateKey }) => (includePrivateKey === true ? 'certificate.read_key' : 'certificate.read'),
    resource: ({ name }) => ({ type: 'certificate', name }),
    run: async ({ resource, arguments: { includePrivateKey } }) => {
      if (resource.type !== 'certificate' || resource.certificate === undefined) return err(fault('NOT_FOUND'))
      return readCertificate(deps, resource.certificate, includePrivateKey === true ? 'chain and key' : 'chain')
    },
  })
}

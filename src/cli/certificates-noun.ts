import {
  addCertificateVersionSchema,
  createCertificateSchema,
  updateCertificateSchema,
} from '../domain/certificates/certificate.schema.ts'
import { create, list, type Noun, show, update } from './verb.ts'

/** `certlocker certificates`. */
export const certificates: Noun = {
  name: 'certificates',
  about: 'TLS certificates: ordered, uploaded, renewed',
  columns: ['name', 'groups', 'environment', 'domains', 'issuer', 'version', 'notAfter', 'renewAt'],
  verbs: [
    list('/certificates', ['group', 'expiring']),
    create('/certificates', createCertificateSchema),
    { ...create('/certificates', createCertificateSchema), name: 'request', about: 'Have one issued' },
    { ...create('/certificates', createCertificateSchema), name: 'upload', about: 'Upload one that exists' },
    show('/certificates'),
    update('/certificates', updateCertificateSchema),
    {
      name: 'add-version',
      about: 'Upload its next version',
      method: 'POST',
      path: '/certificates/:id/versions',
      body: addCertificateVersionSchema,
    },
    { name: 'renew', about: 'Have its next version issued', method: 'POST', path: '/certificates/:id/renew' },
    {
      name: 'versions',
      about: 'List its versions',
      method: 'GET',
      path: '/certificates/:id/versions',
      filters: [],
      columns: ['version', 'issuer', 'fingerprint', 'notBefore', 'notAfter', 'createdBy'],
    },
    {
      name: 'history',
      about: 'List the orders for it and how they went',
      method: 'GET',
      path: '/certificates/:id/orders',
      filters: [],
      columns: ['createdAt', 'orderStatus', 'version', 'issuer', 'requestedBy', 'finishedAt', 'problem'],
    },
  ],
}

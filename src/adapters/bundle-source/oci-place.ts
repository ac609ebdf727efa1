import { FaultError, fault } from '../../kernel/fault.ts'

export interface OciPlace {
  /** With the port, when it is not the usual one. */
  readonly host: string
  readonly repository: string
  /** A tag or a digest. */
  readonly reference: string
}

/** The grammars of the OCI distribution specification: repository, tag, digest. */
const form =
  /^oci:\/\/(?<host>[^/@\s]+)\/(?<repository>[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)(?::(?<tag>\w[\w.-]{0,127})|@(?<digest>sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?$/

/** @returns where a bundle lies; without a tag or a digest it is `latest`. @throws FaultError CONFIGURATION_INVALID */
export function parseOciUrl(url: string): OciPlace {
  const { host, repository, tag, digest } = form.exec(url)?.groups ?? {}
  if (host === undefined || repository === undefined || !URL.canParse(`https://${host}`)) {
    const message = 'policy.source: an oci: URL is oci://HOST[:PORT]/REPOSITORY, then :TAG or @sha256:DIGEST'
    throw new FaultError(fault('CONFIGURATION_INVALID', { message }))
  }
  return { host, repository, reference: digest ?? tag ?? 'latest' }
}

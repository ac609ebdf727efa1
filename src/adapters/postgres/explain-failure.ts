import { useExternalDatabase } from './embedded-cluster-error.ts'

const LINES_SHOWN = 12

const remedies: readonly { readonly says: RegExp; readonly remedy: string }[] = [
  {
    says: /No space left on device|Check free disk space/,
    remedy: 'the disk is full: free space, or choose a dataDir elsewhere',
  },
  { says: /Read-only file system/, remedy: 'the file system is read-only: choose a dataDir that can be written' },
  { says: /EACCES|Permission denied/, remedy: 'its user may not use a file or folder named there: give it access' },
  {
    says: /error while loading shared libraries|GLIBC_/,
    remedy: 'system libraries do not fit (it needs glibc): use another system image',
  },
  {
    says: /lock file .* already exists/,
    remedy: 'another gateway runs on the same dataDir: stop that one, or choose another dataDir',
  },
  {
    says: /incompatible with server/,
    remedy: 'the data are of another PostgreSQL version: start the CertLocker version that wrote them',
  },
  { says: /shared memory|semaphore/, remedy: 'shared memory is too small: enlarge it (containers: shm_size)' },
]

/** Why PostgreSQL's own words make it refuse, what to do, and the last lines of its log. */
export function explainFailure(directory: string, output: string): string {
  const remedy = remedies.find(({ says }) => says.test(output))?.remedy ?? 'see its last words below'
  const lines = output.trim().split('\n').slice(-LINES_SHOWN)
  return `the embedded database in ${directory} does not start: ${remedy}, ${useExternalDatabase}\n  ${lines.join('\n  ')}`
}

import type { MutationReport, Survivor } from './mutate.ts'

/** Nothing survives that nobody explained, and no explanation is left over. */
export function isClean({ survivors, stale }: MutationReport): boolean {
  return stale.length === 0 && survivors.every(({ explained }) => explained !== undefined)
}

/** The report as people read it. */
export function mutationText({ mutants, killed, invalid, survivors, stale, seconds }: MutationReport): string {
  const unexplained = survivors.filter(({ explained }) => explained === undefined)
  const explained = survivors.length - unexplained.length
  return [
    ...unexplained.map(survivorText),
    ...stale.map(
      ({ file, change, source }) =>
        `${file}: stale explanation: ${change}, in: ${source}\n    Take it out of survivors.json.`,
    ),
    `${mutants} mutants (${invalid} more do not compile): ${killed} killed, ${explained} survived and are explained, ${unexplained.length} survived unexplained, in ${seconds} s`,
  ].join('\n')
}

function survivorText({ path, line, change, source, why }: Survivor): string {
  const fix = 'Add a test or a vector that tells them apart, or explain it in policy-tests/survivors.json.'
  return `${path}:${line}: survived: ${change}\n    ${source}\n    ${why}. ${fix}`
}

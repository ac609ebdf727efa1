import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Sources, stage } from './sources.ts'

/** Where the sources are laid out in a stage: below `STAGE/bundle`. */
export const bundleDirectory = 'bundle'

/** Lays the sources out in a directory of their own for as long as the work takes. */
export async function inStage<T>(
  sources: Sources,
  manifest: object,
  work: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'certlocker-policy-'))
  try {
    await stage(sources, join(directory, bundleDirectory), manifest)
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

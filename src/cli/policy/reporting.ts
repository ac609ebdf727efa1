import { CliError, exitCodes } from '../cli-error.ts'
import type { CliIo } from '../io.ts'
import { OpaMissingError } from './run-opa.ts'

/** What the caller can mend is told in few words; a bug is left to throw. */
export function reporting<Arguments extends readonly unknown[]>(
  io: CliIo,
  action: (io: CliIo, ...given: Arguments) => Promise<void>,
) {
  return async (...given: Arguments): Promise<void> => {
    try {
      await action(io, ...given)
    } catch (error) {
      if (error instanceof OpaMissingError || error instanceof SyntaxError)
        throw new CliError(exitCodes.failed, error.message, error)
      if (isFileError(error)) throw new CliError(exitCodes.usage, fileProblem(error), error)
      throw error
    }
  }
}

/** Prints for people, or the value as JSON. */
export function print(io: CliIo, json: boolean | undefined, value: unknown, text: string): void {
  io.stdout.write(json === true ? `${JSON.stringify(value, null, 2)}\n` : `${text}\n`)
}

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && fileErrors.has(error.code)
}

function fileProblem({ path = 'a file', code = '', syscall }: NodeJS.ErrnoException): string {
  const wanted = syscall === 'scandir' ? "an existing directory with a company's policies" : 'an existing file'
  return `${path} ${fileErrors.get(code)}: give ${wanted}`
}

const fileErrors: ReadonlyMap<unknown, string> = new Map([
  ['ENOENT', 'does not exist'],
  ['ENOTDIR', 'is no directory'],
  ['EISDIR', 'is a directory'],
  ['EACCES', 'may not be used by this user'],
])

import { FaultError } from '../kernel/fault.ts'
import { CliError, exitCodes } from './cli-error.ts'

/**
 * How a command ends that works on parts of the gateway itself, when configuration, keys or database refuse.
 * @returns what to throw; a bug stays what it is
 */
export function appRefusal(error: unknown): unknown {
  if (!(error instanceof FaultError)) return error
  const { code, message, detail } = error.fault
  const exitCode = code === 'CONFIGURATION_INVALID' ? exitCodes.configuration : exitCodes.failed
  return new CliError(exitCode, [message, detail].filter(Boolean).join(': '), error)
}

import { readFile } from 'node:fs/promises'
import { CliError, exitCodes } from '../cli-error.ts'
import type { CliIo } from '../io.ts'

/** A policy input as a flag gives it: a file, `-` for standard input, or the JSON itself. @throws CliError when it is no JSON */
export async function inputGiven(io: CliIo, given: string): Promise<unknown> {
  const text = await inputText(io, given)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CliError(
      exitCodes.usage,
      `--input is no JSON (${error instanceof Error ? error.message : ''}): give a certlocker.input/v1 document`,
      error,
    )
  }
}

async function inputText(io: CliIo, given: string): Promise<string> {
  if (given === '-') return io.stdin()
  return given.trimStart().startsWith('{') ? given : readFile(given, 'utf8')
}

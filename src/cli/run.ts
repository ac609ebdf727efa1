import { run } from './main.ts'

/** The program itself, for a process that is started on the compiled command line. */
process.exitCode = await run(process.argv.slice(2))

import { Command, CommanderError, Option } from 'commander'
import { settingsEnvironment } from '../config/cli-environment.ts'
import { registerAccessCommand } from './access-command.ts'
import { registerApprovalWatch } from './approval-watch.ts'
import { registerProbeWatch } from './probe-watch.ts'
import { registerAuditCommands } from './audit-commands.ts'
import { registerBackupCommands } from './backup/backup-commands.ts'
import { CliError, exitCodes } from './cli-error.ts'
import { registerConfigCommands } from './config-commands.ts'
import { type CliIo, processIo } from './io.ts'
import { registerKeysCommands } from './keys-commands.ts'
import { registerKillCommand } from './kill-command.ts'
import { registerNounCommands } from './noun-commands.ts'
import { registerPlayCommand } from './play-command.ts'
import { registerSshCommand } from './ssh-command.ts'
import { packageVersion } from './version.ts'

/**
 * Runs one command line.
 * @param argv without the program's own name
 * @returns the exit code: 0 ok, 1 failed, 2 usage, 3 denied, 78 configuration
 */
export async function run(argv: readonly string[], io: CliIo = processIo()): Promise<number> {
  let exitCode: number = exitCodes.ok
  const program = commandLine(io, (code) => {
    exitCode = code
  })
  try {
    // Its tools are heavy to load, and no other command needs them.
    if (!isOtherCommand(program, argv[0])) {
      ;(await import('./policy/policy-commands.ts')).registerPolicyCommands(program, io)
      ;(await import('./policy/bundle-commands.ts')).registerBundleCommands(program, io)
    }
    await program.parseAsync(argv, { from: 'user' })
    return exitCode
  } catch (error) {
    return report(error, io)
  }
}

function commandLine(io: CliIo, exitWith: (code: number) => void): Command {
  const program = new Command('certlocker')
    .description('Policy and proof for every tool call of an AI agent')
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .showHelpAfterError('(add --help for the flags)')
    .version(packageVersion(), '-V, --version', 'print the version')
  registerServers(program, io, exitWith)
  registerNounCommands(program, io)
  registerApprovalWatch(program, io)
  registerProbeWatch(program, io)
  registerSsh(program, io, exitWith)
  registerAccessCommand(program, io)
  registerKillCommand(program, io)
  registerAuditCommands(program, io)
  registerConfigCommands(program, io)
  registerKeysCommands(program, io)
  registerBackupCommands(program, io)
  program
    .command('version')
    .description('Print the version')
    .option('--json', 'print it as JSON')
    .action(({ json }: { readonly json?: true }) => {
      const version = packageVersion()
      io.stdout.write(`${json ? JSON.stringify({ version }) : version}\n`)
    })
  return program
}

function registerSsh(program: Command, io: CliIo, exitWith: (code: number) => void): void {
  registerPlayCommand(program, io)
  registerSshCommand(program, io, exitWith)
}

/** What goes on until it is told to stop. */
function registerServers(program: Command, io: CliIo, exitWith: (code: number) => void): void {
  program
    .command('serve')
    .description('Run the gateway')
    .addOption(new Option('--role <role>', 'which parts').choices(['gateway', 'bastion', 'all']).default('all'))
    .option('--config <file>', 'configuration file (YAML or JSON)')
    .action(
      async ({ config: file, role }: { readonly config?: string; readonly role: 'gateway' | 'bastion' | 'all' }) => {
        const { serve } = await import('../main.ts')
        const sources = { environment: settingsEnvironment(), ...(file === undefined ? {} : { file }) }
        exitWith(await serve(sources, role, (line) => void io.stdout.write(`${line}\n`)))
      },
    )
  program
    .command('demo')
    .description('See it work: a throw-away gateway, a real MCP client, allow, deny, approval and the proof')
    .option('--keep', 'leave it running and print its addresses')
    .option('--json', 'print one JSON document: questions, decisions, audit lines and the proof')
    .action(async ({ keep = false, json = false }: { readonly keep?: boolean; readonly json?: boolean }) => {
      const { demo } = await import('./demo/demo.ts')
      exitWith(
        await demo(
          { keep, json },
          { line: (text) => void io.stdout.write(`${text}\n`), untilInterrupted: () => untilAborted(io.interrupted) },
        ),
      )
    })
  program
    .command('connect')
    .description('Bridge an MCP client on stdin and stdout to the gateway')
    .option('--token-file <file>', 'where the MCP token is, and its successors are kept')
    .addHelpText('after', connectHelp)
    .action(async ({ tokenFile }: { readonly tokenFile?: string }) => {
      const { connect } = await import('./connect/connect-command.ts')
      const note = (text: string) => void io.stderr.write(`certlocker: ${text}\n`)
      await connect({ environment: io.environment, tokenFile, note, interrupted: io.interrupted })
    })
}

const connectHelp = `
The gateway is CERTLOCKER_URL. The token is that of --token-file, else CERTLOCKER_MCP_TOKEN, else the one that the
keychain (macOS: security, Linux: secret-tool) holds for this gateway. A token that rotates needs --token-file.`

function isOtherCommand({ commands }: Command, name: string | undefined): boolean {
  return commands.some((command) => command.name() === name)
}

/** The command line's catch site: an expected end has a text for its reader, a bug shows itself. */
function report(error: unknown, { stderr }: CliIo): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  if (error instanceof CliError) {
    if (error.message !== '') stderr.write(`certlocker: ${error.message}\n`)
    return error.exitCode
  }
  stderr.write(
    `certlocker: internal error, please report it: ${error instanceof Error ? error.stack : String(error)}\n`,
  )
  return exitCodes.failed
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

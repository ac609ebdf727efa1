import { type Command, Option } from 'commander'
import { signatureAlgorithms } from '../../policy/policy-key.ts'
import { CliError, exitCodes } from '../cli-error.ts'
import type { CliIo } from '../io.ts'
import { registerGatewayCommands } from './gateway-commands.ts'
import { print, reporting } from './reporting.ts'
import { type SignOptions, signBundleFile, verifyBundleFile } from './sign.ts'

type Flags<T> = T & { readonly json?: boolean }

/** Adds `certlocker policy sign|verify|push|status|activate|discard|rollback` to the policy commands. */
export function registerBundleCommands(program: Command, io: CliIo): void {
  const policy = program.commands.find((command) => command.name() === 'policy') ?? program.command('policy')
  policy
    .command('sign')
    .description('Sign a bundle as `opa sign` does, and print the new digest')
    .argument('<FILE>', 'the bundle')
    .requiredOption('--key <PEM>', 'private key: Ed25519, P-256, or RSA of at least 2048 bits')
    .addOption(new Option('--alg <ALG>', 'what the key must be for').choices(signatureAlgorithms))
    .option('--key-id <ID>', 'by which the signature names the key')
    .option('--scope <TEXT>', 'what the signature says it is for')
    .option('-o, --output <FILE>', 'where to write the signed bundle; by default it replaces the other')
    .option('--json', 'print JSON')
    .action(reporting(io, sign))
  policy
    .command('verify')
    .description('Verify the signature of a bundle as the gateway does')
    .argument('<FILE>', 'the bundle')
    .requiredOption('--key <PEM>', 'public key')
    .option('--key-id <ID>', 'the name that a signature may give it')
    .option('--scope <TEXT>', 'what the signature must say it is for')
    .option('--json', 'print JSON')
    .action(reporting(io, verify))
  registerGatewayCommands(policy, io)
}

async function sign(io: CliIo, file: string, { json, ...options }: Flags<SignOptions>): Promise<void> {
  const signed = await signBundleFile(file, options)
  if (!signed.ok) throw new CliError(exitCodes.failed, signed.error)
  print(io, json, { ...signed.value, file: options.output ?? file }, signed.value.digest)
}

async function verify(io: CliIo, file: string, { json, ...options }: Flags<SignOptions>): Promise<void> {
  const verified = await verifyBundleFile(file, options)
  if (!verified.ok) throw new CliError(exitCodes.failed, verified.error)
  const { digest, revision, sequence, algorithm } = verified.value
  print(io, json, verified.value, `${digest}  ${revision}, sequence ${sequence}, signed with ${algorithm}`)
}

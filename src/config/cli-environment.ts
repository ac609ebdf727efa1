type Environment = Readonly<Record<string, string | undefined>>

/** Where the command line finds its gateway, and as whom it asks. */
export interface CliEnvironment {
  /** Without a trailing slash. */
  readonly url: string
  readonly apiKey: string | undefined
  /** An agent's bearer, for `connect`. */
  readonly mcpToken: string | undefined
}

/** Reads CERTLOCKER_URL, CERTLOCKER_API_KEY and CERTLOCKER_MCP_TOKEN. */
export function cliEnvironment(environment: Environment = process.env): CliEnvironment {
  const url = environment['CERTLOCKER_URL'] || 'http://127.0.0.1:8080'
  return {
    url: url.replace(/\/+$/, ''),
    apiKey: environment['CERTLOCKER_API_KEY'] || undefined,
    mcpToken: environment['CERTLOCKER_MCP_TOKEN'] || undefined,
  }
}

/** The environment from which `serve` and `config` take settings. */
export function settingsEnvironment(): Environment {
  return process.env
}

/** This process's environment for a child gateway that must not inherit any setting of this one. */
export function childEnvironment(): Environment {
  const isSetting = (name: string) => /^(CERTLOCKER_.*|(DATABASE_URL|VAULT_ADDR|VAULT_TOKEN)(_FILE)?)$/.test(name)
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isSetting(name)))
}

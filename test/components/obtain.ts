import { goTools, obtainGoTool } from './go-tool.ts'
import { obtainOpenBao } from './openbao.ts'
import { obtainSshd } from './sshd.ts'
import type { ObtainedTool } from './tool-cache.ts'

// Without one the tests go on, and say that it was missing; with CI=true that is then a failure.
function say(name: string, tool: ObtainedTool | string): void {
  process.stdout.write(
    typeof tool === 'string'
      ? `${name} is missing (${tool}): install Go 1.25 or newer\n`
      : `${tool.path} (${tool.from})\n`,
  )
}

say('bao', await obtainOpenBao())
for (const tool of Object.values(goTools)) say(tool.name, await obtainGoTool(tool))

const sshd = await obtainSshd()
process.stdout.write(
  typeof sshd === 'string' ? `sshd is missing (${sshd}): install openssh-server\n` : `${sshd.path} (${sshd.from})\n`,
)

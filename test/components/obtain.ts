import { obtainOpenBao } from './openbao.ts'

// Without it the tests go on, and say that it was missing; with CI=true that is then a failure.
const tool = await obtainOpenBao()
process.stdout.write(
  typeof tool === 'string'
    ? `bao is missing (${tool}): put OpenBao on PATH, or install Go 1.25 or newer\n`
    : `${tool.path} (${tool.from})\n`,
)

// Runs dependency-cruiser and makes sure that it looked: without a parser for TypeScript it sees no module and reports success.
import { readdirSync } from 'node:fs'
import { cruise, format } from 'dependency-cruiser'
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options'

const options = await extractDepcruiseOptions('./.dependency-cruiser.cjs')
const found = JSON.parse((await cruise(['src'], { ...options, outputType: 'json' })).output)
const { output, exitCode } = await format(found, { outputType: 'err-long' })
const cruised = new Set(found.modules.map((module) => module.source))
const missed = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((path) => `src/${path}`)
  .filter((path) => path.endsWith('.ts') && !cruised.has(path))

process.stdout.write(output)
if (missed.length > 0) process.stderr.write(`not cruised: ${missed.join(', ')}\n`)
process.exitCode = exitCode > 0 || missed.length > 0 ? 1 : 0

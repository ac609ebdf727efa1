import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

interface Source {
  /** From the repository's root, with forward slashes. */
  readonly path: string
  readonly text: string
}

const FILE_LINES_MAX = 300
const APP_LINES_MAX = 200

const sources: readonly Source[] = filesUnder('src', /\.(ts|tsx|js)$/u)
const tools = sources.filter(({ text, path }) => path.startsWith('src/gateway/tools/') && / defineTool[<(]/u.test(text))
const routes = sources.filter(({ path }) => /^src\/transport\/rest\/.*-routes\.ts$/u.test(path))

describe('the one path', () => {
  test('only the guard prepares a tool call and runs it', () => {
    const inGateway = sources.filter(({ path }) => /^src\/(gateway|transport|bastion|domain)\//u.test(path))
    expect(pathsOf(inGateway, /\.prepare\(/u)).toEqual(['src/gateway/guard.ts'])
    // act.ts is the guard's way for people and pipelines; tool.ts hands a definition's effect to the guard.
    expect(pathsOf(inGateway, /\b(?:prepared|operation|definition|tool|call)\.run\(/u)).toEqual([
      'src/gateway/act.ts',
      'src/gateway/guard.ts',
      'src/gateway/tool.ts',
    ])
  })

  test('only act.ts and the guard ask the policy, whose answer anything else would have to obey as well', () => {
    const askers = pathsOf(sources, /\.decide\(/u).filter((path) => !/^src\/(policy|cli)\//u.test(path))
    expect(askers).toEqual(expect.arrayContaining(['src/gateway/act.ts', 'src/gateway/guard.ts']))
    expect(askers.filter((path) => !path.startsWith('src/gateway/'))).toEqual([])
  })
})

describe('the edges', () => {
  test('an MCP SDK is imported by transport/mcp, cli/connect and cli/demo only', () => {
    const importers = pathsOf(sources, /from '@modelcontextprotocol\//u)
    expect(importers.filter((path) => !/^src\/(transport\/mcp\/|cli\/(connect|demo))/u.test(path))).toEqual([])
    expect(importers.length).toBeGreaterThan(0)
  })

  test('only app.ts and its parts in app/ import adapters', () => {
    const importers = pathsOf(sources, /from '(?:\.\.?\/)+adapters\//u)
    expect(importers.filter((path) => !/^src\/(app\.ts|app\/)/u.test(path))).toEqual([])
    expect(importers).toContain('src/app.ts')
  })

  test('the environment is read in one place for the gateway and one for the command line', () => {
    const readers = pathsOf(sources, /process\.env/u)
    expect(readers.filter((path) => !/^src\/(config\/|cli\/environment\.ts$|launch\.js$)/u.test(path))).toEqual([])
  })
})

describe('sizes', () => {
  test.each(sources.map(({ path, text }) => [path, text] as const))('%s is short enough to be read', (path, text) => {
    expect(text.split('\n').length - 1).toBeLessThanOrEqual(path === 'src/app.ts' ? APP_LINES_MAX : FILE_LINES_MAX)
  })
})

describe('every REST route', () => {
  const definitions = routes.flatMap(({ path, text }) =>
    text
      .split(/\bdefineRoute(?:<[^(]*>)?\(/u)
      .slice(1)
      .map((definition, index) => [`${path} #${index + 1}`, definition] as const),
  )

  test('is found by this test', () => {
    expect(definitions.length).toBeGreaterThan(20)
  })

  test.each(definitions)('%s names the action it is authorized as', (_, definition) => {
    expect(definition).toMatch(/^\{[\s\S]*?\n {2,4}action: '[a-z_]+\.[a-z_]+'/u)
  })
})

describe('every tool', () => {
  const vectors = filesUnder('policy-tests/vectors', /\.json$/u)
  const readme = readFileSync('README.md', 'utf8')

  test('is found by this test', () => {
    expect(tools.length).toBeGreaterThan(3)
  })

  test.each(tools.map(({ path, text }) => [path, text] as const))(
    '%s has a name, an action, scopes, both schemas, a policy vector and a documentation line',
    (_, text) => {
      const [, name = 'no name'] = /name: '(certlocker_[a-z_]+)'/u.exec(text) ?? []
      const [, action = 'no action'] = /\baction: '([a-z_]+\.[a-z_]+)'/u.exec(text) ?? []
      for (const member of ['title', 'description', 'scopes', 'arguments', 'result'])
        expect(text).toMatch(new RegExp(`\\b${member}\\b`, 'u'))
      expect(
        pathsOf(vectors, new RegExp(`"action": "${action}"`, 'u')),
        `policy-tests/vectors hold no case of ${action}`,
      ).not.toEqual([])
      expect(readme).toContain(`\`${name}\``)
    },
  )

  test('is in the catalog', () => {
    const catalog = sources.find(({ path }) => path === 'src/gateway/tools/catalog.ts')?.text ?? ''
    const absent = tools
      .filter(({ path }) => !catalog.includes(`'./${path.split('/').at(-1)}'`))
      .map(({ path }) => path)
    expect(absent).toEqual([])
  })
})

function filesUnder(folder: string, name: RegExp): Source[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .filter((path) => name.test(path))
    .toSorted()
    .map((path) => ({ path, text: readFileSync(path, 'utf8') }))
}

function pathsOf(files: readonly Source[], pattern: RegExp): string[] {
  return files.filter(({ text }) => pattern.test(text)).map(({ path }) => path)
}

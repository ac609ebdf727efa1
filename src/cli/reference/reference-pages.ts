import { configTable } from '../../config/describe-config.ts'
import { type FaultInfo, faults } from '../../kernel/faults.ts'
import { decisionSchema } from '../../policy/decision.schema.ts'
import { policyInputSchema } from '../../policy/input.schema.ts'
import { packageRoot } from '../policy/package-root.ts'
import { findSources } from '../policy/sources.ts'
import { parseRego } from '../policy/syntax.ts'
import { markdownTable, page } from './markdown.ts'
import { rolesPage } from './roles-page.ts'
import { schemaRows } from './schema-rows.ts'

/** The pages of docs/reference, by name: made from the schemas, the table of faults, the METADATA of
 * the rules, and the shipped policy's answers. */
export async function referencePages(): Promise<Readonly<Record<string, string>>> {
  return {
    'configuration.md': configurationPage(),
    'input.md': inputPage(),
    'codes.md': await codesPage(),
    'roles.md': await rolesPage(),
  }
}

function configurationPage(): string {
  return page(
    'Configuration',
    `Defaults, then the file (\`--config\`, YAML or JSON), then the environment. Lists are comma-separated in variables, and
\`NAME_FILE\` reads a variable's value from a file. \`certlocker config check\` says everything that is wrong,
\`certlocker config print\` what is in force and from where, \`certlocker config schema\` prints this table.`,
    configTable().trimEnd(),
  )
}

function inputPage(): string {
  const row = ({ path, values, meaning }: ReturnType<typeof schemaRows>[number]) => [`\`${path}\``, values, meaning]
  return page(
    'What a policy sees and says',
    `The gateway builds the input anew for every question. It is total: every field is always there, \`""\`, \`[]\`, \`{}\`,
\`false\` or \`0\` when unknown, never null. The JSON Schemas are \`policies/schemas/input.json\` and
\`policies/schemas/decision.json\`; \`certlocker policy lint\` checks rules against them.`,
    '## Input',
    markdownTable(['field', 'values', ''], schemaRows(policyInputSchema).map(row)),
    '## Decision',
    `What is not exactly this is a denial with a code of the gateway (\`GATEWAY_…\`).`,
    markdownTable(
      ['field', 'values'],
      schemaRows(decisionSchema).map((each) => row(each).slice(0, 2)),
    ),
  )
}

async function codesPage(): Promise<string> {
  return page(
    'Codes',
    'A denial, an approval that is required and an error carry a code. Codes are stable: they are added, never changed.',
    '## Of the shipped policy',
    'The title is what the caller is told, with `{…}` filled in; the rule is where to read on, and what to change.',
    markdownTable(['code', 'effect', 'severity', 'title', 'remedy', 'rule'], await ruleRows()),
    '## Of the gateway',
    'Again: whether the same call may be tried again unchanged.',
    markdownTable(['code', 'HTTP', 'again', 'text'], faultRows()),
  )
}

const effects: Readonly<Record<string, string>> = { deny: 'deny', require_approval: 'approval', allow: 'allow' }

async function ruleRows(): Promise<readonly (readonly string[])[]> {
  const files = await Promise.all((await findSources([])).shipped.map(parseRego))
  const rows = files.flatMap((syntax) =>
    (syntax?.rules ?? []).flatMap(({ name, title, custom }) => {
      const path = syntax?.file.path.slice(packageRoot.length) ?? ''
      const stated = [custom['code'], custom['severity'], custom['remedy']].map((value) =>
        typeof value === 'string' ? value : '',
      )
      const [code = '', severity = '', remedy = ''] = stated
      return code === '' ? [] : [[`\`${code}\``, effects[name] ?? 'deny', severity, title, remedy, `\`${path}\``]]
    }),
  )
  return [...new Map(rows.map((row) => [row[0] ?? '', row])).values()].toSorted(byFirst)
}

function faultRows(): readonly (readonly string[])[] {
  const rows: readonly [string, FaultInfo][] = Object.entries(faults)
  return rows
    .map(([code, { http, retry, text }]) => [`\`${code}\``, String(http), retry ? 'yes' : '', text])
    .toSorted(byFirst)
}

function byFirst([one = '']: readonly string[], [other = '']: readonly string[]): number {
  return one < other ? -1 : 1
}

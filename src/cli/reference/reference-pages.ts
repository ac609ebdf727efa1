import { configTable } from '../../config/describe-config.ts'
import type { FaultInfo } from '../../kernel/fault-info.ts'
import { faults } from '../../kernel/faults.ts'
import { decisionSchema } from '../../policy/decision.schema.ts'
import { policyInputSchema } from '../../policy/input.schema.ts'
import { markdownTable, page } from './markdown.ts'
import { rolesPage } from './roles-page.ts'
import { schemaRows } from './schema-rows.ts'
import { type ShippedCode, shippedCodes } from './shipped-codes.ts'

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
  const codes = await shippedCodes()
  return page(
    'Codes',
    'A denial, an approval that is required and an error carry a code. Codes are stable: they are added, never changed.',
    '## Of the shipped policy',
    'What the caller is told is the title, with `{…}` filled in.',
    markdownTable(
      ['code', 'effect', 'severity', 'title'],
      codes.map(({ code, effect, severity, title }) => [
        `[\`${code}\`](#${code.toLowerCase()})`,
        effect,
        severity,
        title,
      ]),
    ),
    ...codes.map(codeSection),
    '## Of the gateway',
    'Again: whether the same call may be tried again unchanged.',
    markdownTable(['code', 'HTTP', 'again', 'text'], faultRows()),
  )
}

function codeSection({ code, title, explanation, remedy, example, rule }: ShippedCode): string {
  const lines = [
    `**Told:** ${title}`,
    explanation,
    ...(remedy === '' ? [] : [`**Remedy:** ${remedy}`]),
    `**Example:** ${example}`,
    `**Rule:** \`${rule}\``,
  ]
  return [`### ${code}`, ...lines].join('\n\n')
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

// The dependency rule of ARCHITECTURE.md. Each entry: a folder, and everything in src/ that it may import.
const may = {
  kernel: ['kernel'],
  config: ['config', 'kernel'],
  policy: ['policy', 'kernel'],
  domain: ['domain', 'kernel'],
  gateway: ['gateway', 'domain', 'policy', 'kernel'],
  transport: ['transport', 'gateway', 'domain', 'policy', 'config', 'kernel'],
  bastion: ['bastion', 'gateway', 'domain', 'policy', 'config', 'kernel'],
  jobs: ['jobs', 'gateway', 'domain', 'policy', 'config', 'kernel'],
  adapters: ['adapters', 'gateway', 'domain', 'policy', 'kernel'],
}

const layers = Object.entries(may).map(([folder, allowed]) => ({
  name: `${folder}-imports`,
  comment: `src/${folder} may import ${allowed.join(', ')}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: `^src/(${allowed.join('|')})/` },
}))

/** A library has one home. */
const homes = {
  winston: '^src/kernel/log\\.ts$',
  '@modelcontextprotocol': '^src/(transport/mcp/|cli/(connect|demo))',
  koa: '^src/transport/',
}

const libraries = Object.entries(homes).map(([library, home]) => ({
  name: `home-of-${library}`,
  comment: `${library} is imported in ${home} only`,
  severity: 'error',
  from: { path: '^src/', pathNot: home },
  to: { path: `node_modules/(@types/)?${library}/` },
}))

module.exports = {
  forbidden: [
    ...layers,
    ...libraries,
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'only-app-constructs-adapters',
      comment: 'adapters are constructed in app.ts and app/, and handed inward as ports',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(app\\.ts|app/|adapters/)' },
      to: { path: '^src/adapters/' },
    },
    {
      name: 'no-way-up',
      comment: 'app.ts and its parts in app/ are imported by main.ts, main.ts by the command line',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(main\\.ts|app\\.ts|app/|cli/)' },
      to: { path: '^src/((app|main)\\.ts$|app/)' },
    },
    {
      name: 'cli-talks-rest',
      comment: 'the command line imports schemas, and policy and kernel for `policy` and `audit verify`',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: {
        path: '^src/(domain|gateway|transport|bastion|jobs|adapters|console)/',
        pathNot: '(\\.schema\\.ts|^src/domain/audit/verif[^/]*|^src/transport/rest/routes\\.ts)$',
      },
    },
    {
      name: 'console-talks-rest',
      comment: 'the console imports schemas only',
      severity: 'error',
      from: { path: '^src/console/' },
      to: { path: '^src/', pathNot: '(^src/console/|\\.schema\\.ts$)' },
    },
    {
      name: 'not-another-nouns-use-case',
      comment: "a noun imports another noun's types and pure functions, not its use cases",
      severity: 'error',
      from: { path: '^src/domain/([^/]+)/' },
      to: {
        path: '^src/domain/[^/]+/(create|update|delete|suspend|resume|revoke|issue|mint|redeem|rotate|read|restore|decide|approve|deny|open|end|kill|lift)-',
        pathNot: '^src/domain/$1/',
      },
    },
    {
      name: 'tests-stay-out',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|policy-tests)/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
